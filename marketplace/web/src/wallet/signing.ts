import { getTypesForEIP712Domain, isHex, recoverMessageAddress, recoverTypedDataAddress, serializeTypedData, stringToHex, type Address, type EIP1193Provider, type Hex, type PublicClient, type TypedDataDomain } from 'viem'

import { WalletError, walletErrorOf } from './provider'

/** Who signs, where: as the wallet itself said a moment ago. */
export interface Signer {
  readonly provider: EIP1193Provider
  readonly account: Address
  readonly chainId: number
}

/** A message of EIP-712. */
export interface Typed {
  readonly domain: TypedDataDomain
  readonly types: Readonly<Record<string, readonly { readonly name: string; readonly type: string }[]>>
  readonly primaryType: string
  readonly message: Readonly<Record<string, unknown>>
}

/** `node` answers for accounts that are contracts (ERC-1271); null where none is within reach. */
type Node = Pick<PublicClient, 'verifyTypedData'> | null
type TextNode = Pick<PublicClient, 'verifyMessage'> | null

const NONSENSE = 'Your wallet answered with what is no signature of this account. Nothing was sent.'

/** The account's signature over `typed`, which holds. Throws WalletError. */
export async function signTyped(signer: Signer, typed: Typed, node: Node): Promise<Hex> {
  const { account } = signer
  // viem leaves a domain out whose fields are not among the types: a wallet would sign for no contract at all.
  const types = { EIP712Domain: getTypesForEIP712Domain({ domain: typed.domain }), ...typed.types }
  const text = serializeTypedData({ ...typed, types } as Parameters<typeof serializeTypedData>[0])
  return ask(signer, 'eth_signTypedData_v4', [account, text], (signature) => holds(typed, account, signature, node))
}

/** The account's signature over a text that it reads (`personal_sign`, EIP-191), which holds. Throws WalletError. */
export async function signText(signer: Signer, text: string, node: TextNode): Promise<Hex> {
  const asked = [stringToHex(text), signer.account]
  return ask(signer, 'personal_sign', asked, (signature) => textHolds(text, signer.account, signature, node))
}

async function ask(signer: Signer, method: string, params: unknown[], isGood: (signature: Hex) => Promise<boolean>): Promise<Hex> {
  let answer: unknown
  try {
    answer = await signer.provider.request({ method, params } as Parameters<EIP1193Provider['request']>[0])
  } catch (thrown) {
    throw walletErrorOf(thrown)
  }
  if (!isHex(answer) || answer.length < 4) throw new WalletError(NONSENSE, null)
  if (!(await isGood(answer))) throw new WalletError(NONSENSE, null)
  return answer
}

async function holds(typed: Typed, account: Address, signature: Hex, node: Node): Promise<boolean> {
  const message = { ...typed, signature } as Parameters<typeof recoverTypedDataAddress>[0]
  if (await isOf(account, recoverTypedDataAddress(message))) return true
  if (!node) return false
  return node.verifyTypedData({ ...message, address: account } as Parameters<typeof node.verifyTypedData>[0]).catch(() => false)
}

async function textHolds(message: string, account: Address, signature: Hex, node: TextNode): Promise<boolean> {
  if (await isOf(account, recoverMessageAddress({ message, signature }))) return true
  return node ? node.verifyMessage({ message, signature, address: account }).catch(() => false) : false
}

/** Whether a key of this account signed; false of what is not of the form that a key makes: a contract's, maybe. */
async function isOf(account: Address, recovered: Promise<Address>): Promise<boolean> {
  return recovered.then((found) => found.toLowerCase() === account.toLowerCase()).catch(() => false)
}
