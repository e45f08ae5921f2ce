import { EMPTY, type Flow } from './model'
import { readYaml, writeYaml } from './yaml'

/** A workflow that somebody writes in this browser. */
export interface Draft {
  readonly id: string
  readonly flow: Flow
  /** When it was last changed, in Unix seconds. */
  readonly savedAt: number
}

const PREFIX = 'computehive.flow.'
const ID = /^[a-z0-9]{1,16}$/

/** All drafts of this browser, the newest first. What cannot be read any more is left out, and left alone. */
export function listDrafts(storage: Storage = localStorage): Draft[] {
  const keys = Array.from({ length: storage.length }, (_, at) => storage.key(at) ?? '').filter((key) => key.startsWith(PREFIX))
  const found = keys.flatMap((key) => loadDraft(key.slice(PREFIX.length), storage) ?? [])
  return found.sort((one, other) => other.savedAt - one.savedAt || one.id.localeCompare(other.id))
}

export function loadDraft(id: string, storage: Storage = localStorage): Draft | null {
  if (!ID.test(id)) return null
  try {
    const kept = JSON.parse(storage.getItem(PREFIX + id) ?? 'null') as { yaml?: unknown; savedAt?: unknown } | null
    const { flow } = readYaml(String(kept?.yaml))
    return flow && { id, flow, savedAt: Number.isSafeInteger(kept?.savedAt) ? (kept!.savedAt as number) : 0 }
  } catch {
    return null
  }
}

/** Whether there was room for it. */
export function saveDraft(id: string, flow: Flow, now: number, storage: Storage = localStorage): boolean {
  try {
    storage.setItem(PREFIX + id, JSON.stringify({ yaml: writeYaml(flow), savedAt: now }))
    return true
  } catch {
    return false
  }
}

export function removeDraft(id: string, storage: Storage = localStorage): void {
  storage.removeItem(PREFIX + id)
}

/** The id of another draft. It begins like no workflow's, which is 0x and hex. */
export function newDraft(flow: Flow = EMPTY, storage: Storage = localStorage): string | null {
  const id = `d${crypto.getRandomValues(new Uint32Array(2)).join('').slice(0, 15)}`
  return saveDraft(id, flow, Math.floor(Date.now() / 1000), storage) ? id : null
}
