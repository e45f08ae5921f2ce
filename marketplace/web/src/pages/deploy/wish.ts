import type { Config } from '../../market/queries'
import type { Resources } from '../../orders/bid'
import type { ProgramKind } from '../../orders/spec'

/** What the form holds, as it was typed. */
export interface Wish {
  readonly vcpus: string
  readonly memoryMb: string
  readonly seconds: string
  /** Thousand millions of wasm instructions. */
  readonly gigafuel: string
  readonly egressMb: string
  readonly gpus: string
  readonly gpuModel: string
  readonly region: string
  readonly replicas: string
}

export type Number_ = Exclude<keyof Wish, 'gpuModel' | 'region'>

/** Those of `hive run`: room for a script that thinks for some seconds; what is not used is not paid for. */
export const FIRST_WISH: Wish = {
  vcpus: '1',
  memoryMb: '512',
  seconds: '300',
  gigafuel: '50',
  egressMb: '10',
  gpus: '0',
  gpuModel: '',
  region: '',
  replicas: '1',
}

/** What `wish` reserves, or what is wrong with which field. */
export type Parsed =
  | { readonly resources: Resources; readonly replicas: number; readonly wrong: null }
  | { readonly wrong: Partial<Record<Number_, string>> }

/** Whole numbers within what the market takes. Only containers see a GPU, and only wasm is counted in fuel. */
export function parseWish(wish: Wish, kind: ProgramKind, limits: Config['limits']): Parsed {
  const wrong: Partial<Record<Number_, string>> = {}
  const whole = (name: Number_, least: number, most: number) => {
    const text = wish[name].trim()
    const found = /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN
    if (!(found >= least && found <= most)) wrong[name] = `A whole number from ${least} to ${most.toLocaleString('en')}.`
    return found
  }
  const isContainer = kind === 'container'
  const resources = {
    gpus: isContainer ? whole('gpus', 0, 65_535) : 0,
    vcpus: whole('vcpus', 1, 65_535),
    memoryMb: whole('memoryMb', 1, limits.maxJobMemoryMb),
    durationSeconds: whole('seconds', 1, limits.maxJobSeconds),
    fuel: isContainer ? '0' : `${whole('gigafuel', 1, 1_000_000)}000000000`,
    egressMb: whole('egressMb', 0, 1_000_000),
  }
  const replicas = whole('replicas', 1, limits.maxReplicas)
  return Object.keys(wrong).length > 0 ? { wrong } : { resources, replicas, wrong: null }
}

/** The form's text as words of a command line: apart by spaces, quotes hold together. */
export function splitArgs(text: string): string[] {
  return [...text.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map((found) => found[1] ?? found[2] ?? found[3] ?? '')
}
