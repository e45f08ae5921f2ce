/** How much of `whole` a part is, in percent with two decimals, rounded down: only all of it is 100 %. */
export function formatShare(part: bigint | string, whole: bigint | string): string {
  const [some, all] = [BigInt(part), BigInt(whole)]
  if (all <= 0n) return '100 %'
  const basis = (some * 10_000n) / all
  if (basis === 10_000n) return '100 %'
  return `${basis / 100n}.${(basis % 100n).toString().padStart(2, '0')} %`
}
