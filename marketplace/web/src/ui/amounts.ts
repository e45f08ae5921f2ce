/** Micro-USDC, as the market and the contracts count. */
export type Micro = string | number | bigint

const DECIMALS = 6

/** `1234567` as `1.234567`, with commas from a thousand on; trailing zeros beyond cents are left out. Exact at any size. */
export function formatUsdc(micro: Micro): string {
  const value = BigInt(micro)
  const digits = (value < 0n ? -value : value).toString().padStart(DECIMALS + 1, '0')
  const whole = digits.slice(0, -DECIMALS).replace(/\B(?=(\d{3})+$)/g, ',')
  const part = digits.slice(-DECIMALS).replace(/0{1,4}$/, '')
  return `${value < 0n ? '−' : ''}${whole}.${part}`
}

/** The micro-USDC that somebody typed; null of what is no amount, and of one finer than the token counts. */
export function parseUsdc(text: string): bigint | null {
  const found = /^(\d{1,15})(?:[.](\d{1,6}))?$/.exec(text.trim())
  return found ? BigInt(found[1]!) * 1_000_000n + BigInt((found[2] ?? '').padEnd(DECIMALS, '0')) : null
}

/** `61` as `1 min`, the largest unit that is not zero: what is read at a glance. */
export function formatSeconds(seconds: number): string {
  const units: [number, string][] = [[86_400, 'd'], [3_600, 'h'], [60, 'min']]
  const [size, unit] = units.find(([one]) => Math.abs(seconds) >= one) ?? [1, 's']
  return `${Math.floor(Math.abs(seconds) / size)} ${unit}`
}

/** `0x1234…abcd`, for what is told apart by its ends. */
export function shorten(hex: string): string {
  return hex.length > 14 ? `${hex.slice(0, 6)}…${hex.slice(-4)}` : hex
}
