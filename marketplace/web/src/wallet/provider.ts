import type { Address, EIP1193Provider } from 'viem'

/** A wallet that announced itself (EIP-6963), or the one that older wallets put into the page. */
export interface Announced {
  /** Of the wallet's maker, the same at every visit: a reverse domain name. */
  readonly id: string
  readonly name: string
  /** A data URI; empty where there is none. */
  readonly icon: string
  readonly provider: EIP1193Provider
}

/** What a wallet said no to, in words for whoever holds it. */
export class WalletError extends Error {
  override readonly name = 'WalletError'

  constructor(
    message: string,
    readonly code: number | null,
  ) {
    super(message)
  }

  /** Whether its holder declined. */
  get isDeclined(): boolean {
    return this.code === 4001
  }
}

/** Codes of EIP-1193 and EIP-1474. */
const SAID: Readonly<Record<number, string>> = {
  4001: 'You declined this in your wallet. Nothing was signed.',
  4100: 'Your wallet does not let this page use that account. Connect it again.',
  4200: 'Your wallet cannot do this.',
  4900: 'Your wallet is not connected to any chain.',
  4901: 'Your wallet is not connected to this chain.',
  4902: 'Your wallet does not know this chain.',
  [-32002]: 'Your wallet has a question open already: look at its window.',
}

/** The error behind whatever a wallet threw; wallets wrap one in another, the innermost known code tells. */
export function walletErrorOf(thrown: unknown): WalletError {
  let code: number | null = null
  let text = ''
  for (let one = thrown, depth = 0; isObject(one) && depth < 5; one = one['cause'] ?? one['data'], depth += 1) {
    const said = one['code']
    if (typeof said === 'number' && said in SAID) code = said
    if (!text && typeof one['message'] === 'string') text = one['message']
  }
  return new WalletError(code === null ? text || 'Your wallet failed without saying why.' : SAID[code]!, code)
}

/** The accounts in an answer of `eth_accounts`; a wallet that answers nonsense has none. */
export function accountsOf(answer: unknown): Address[] {
  if (!Array.isArray(answer)) return []
  return answer.filter((one): one is Address => typeof one === 'string' && /^0x[0-9a-fA-F]{40}$/.test(one))
}

/** The number in an answer of `eth_chainId`; null of nonsense. */
export function chainIdOf(answer: unknown): number | null {
  const found = typeof answer === 'number' ? answer : typeof answer === 'string' && answer ? Number(answer) : Number.NaN
  return Number.isSafeInteger(found) && found > 0 ? found : null
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
