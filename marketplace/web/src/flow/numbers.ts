import type { NumberField } from './model'

interface Limit {
  readonly least: number
  readonly most: number
  /** What it is where nothing is said. */
  readonly usual: number | null
  readonly isWhole: boolean
}

const whole = (least: number, most: number, usual: number | null): Limit => ({ least, most, usual, isWhole: true })

/** As workflow.schema.json has them; a test holds both. */
export const LIMITS: Readonly<Record<NumberField, Limit>> = {
  gpus: whole(0, 2 ** 16 - 1, 0),
  vcpus: whole(1, 2 ** 16 - 1, 1),
  memory: whole(1, 2 ** 32 - 1, 512),
  seconds: whole(1, 2 ** 31 - 1, 300),
  fuel: { least: 0, most: 2 ** 33, usual: 50, isWhole: false },
  egress: whole(1, 2 ** 32 - 1, 10),
  replicas: whole(1, 255, 1),
  retries: whole(0, 7, 0),
  within: whole(1, 2 ** 31 - 1, null),
}

/** What was typed into a field of numbers that nothing is wrong with, or what it is where nothing was. */
export function numberOf(field: Exclude<NumberField, 'within'>, text: string): number {
  return text === '' ? LIMITS[field].usual! : Number(text)
}

/** What is wrong with what was typed into a field of numbers; null for nothing, as for an empty field. */
export function problemOfNumber(field: NumberField, text: string): string | null {
  if (text === '') return null
  const { least, most, isWhole } = LIMITS[field]
  if (!isWhole) {
    const value = /^\d*\.?\d+([eE][+-]?\d+)?$/.test(text) ? Number(text) : Number.NaN
    return value > least && value < most ? null : `Expected a number above ${least} and below ${most.toLocaleString('en')}.`
  }
  const value = /^\d+(\.0+)?$/.test(text) ? Number(text) : Number.NaN
  return value >= least && value <= most ? null : `Expected a whole number from ${least} to ${most.toLocaleString('en')}.`
}

const AMOUNT = /^\+?(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,2}))?$/
const MOST = 2n ** 64n - 1n

/** Micro-USDC of an amount as the command line reads it, `0.10`, `1e-3`, `2 USDC`; null of what is none. */
export function microOf(text: string): bigint | null {
  const found = AMOUNT.exec(text.trim().replace(/USDC$/, '').trim())
  const [whole, part] = [found?.[1] ?? '', found?.[2] ?? '']
  if (!found || whole + part === '' || text.length > 32) return null
  const places = Number(found[3] ?? 0) + 6 - part.length
  const digits = BigInt(whole + part)
  const scale = 10n ** BigInt(Math.abs(places))
  if (places < 0 && digits % scale !== 0n) return null
  const micro = places < 0 ? digits / scale : digits * scale
  return micro <= MOST ? micro : null
}
