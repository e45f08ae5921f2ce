import { DEFAULT_UNITS, HOURS, type Units } from '../ui/units'

/** What a visitor chose, kept in this browser. Everything else follows from the market's configuration. */
export interface Settings {
  /** Of another market than the one that served this page. */
  readonly marketUrl: string | null
  /** Of another node than the one that the market names. */
  readonly rpcUrl: string | null
  readonly theme: 'system' | 'light' | 'dark'
  readonly units: Units
  /** Whether this browser tells when a job ends, while the page is open somewhere. */
  readonly tells: boolean
}

export const DEFAULTS: Settings = { marketUrl: null, rpcUrl: null, theme: 'system', units: DEFAULT_UNITS, tells: false }
const KEY = 'computehive.settings'

/** What was kept; what cannot be read is as if it had not been. */
export function loadSettings(storage: Storage = localStorage): Settings {
  try {
    const kept: unknown = JSON.parse(storage.getItem(KEY) ?? '{}')
    const found = (typeof kept === 'object' && kept !== null ? kept : {}) as Partial<Settings>
    return {
      marketUrl: urlOf(found.marketUrl),
      rpcUrl: urlOf(found.rpcUrl),
      theme: found.theme === 'light' || found.theme === 'dark' ? found.theme : 'system',
      units: unitsOf(found.units),
      tells: found.tells === true,
    }
  } catch {
    return DEFAULTS
  }
}

function unitsOf(found: unknown): Units {
  const { per, clock } = (typeof found === 'object' && found !== null ? found : {}) as Partial<Units>
  return { per: per && Object.hasOwn(HOURS, per) ? per : DEFAULT_UNITS.per, clock: clock === 'UTC' ? clock : DEFAULT_UNITS.clock }
}

export function saveSettings(settings: Settings, storage: Storage = localStorage): void {
  storage.setItem(KEY, JSON.stringify(settings))
}

/** The address, without a last slash, of something that speaks HTTP; null of anything else. */
export function urlOf(text: unknown): string | null {
  if (typeof text !== 'string' || !URL.canParse(text)) return null
  const url = new URL(text)
  return url.protocol === 'https:' || url.protocol === 'http:' ? url.href.replace(/\/$/, '') : null
}
