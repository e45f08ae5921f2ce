import {
  BaseError,
  ContractFunctionRevertedError,
  encodeFunctionData,
  isHash,
  numberToHex,
  type Abi,
  type Address,
  type Hash,
  type PublicClient,
  type TransactionReceipt,
} from 'viem'

import { walletErrorOf } from '../wallet/provider'
import type { Signer } from '../wallet/signing'

/** A call of a contract that changes something. */
export interface Call {
  readonly address: Address
  readonly abi: Abi
  readonly functionName: string
  readonly args: readonly unknown[]
}

/** Where a transaction is. `failed` with a hash was mined or replaced; without one it never left. */
export type TransactionState =
  | { readonly at: 'idle' }
  | { readonly at: 'checking' }
  | { readonly at: 'asking' }
  | { readonly at: 'pending'; readonly hash: Hash; readonly isReplaced: boolean }
  | { readonly at: 'done'; readonly hash: Hash; readonly block: bigint }
  | { readonly at: 'failed'; readonly message: string; readonly hash: Hash | null }

/** How long a transaction is waited for, in milliseconds, before the page says that it may still come. */
const PATIENCE = 180_000

/** Try a call, have it signed, and follow it to its end, which is returned; each step is told before it begins.
 *
 * `effect` looks whether what was wanted is so on the chain: a node's word for a receipt is not taken for it. */
export async function runTransaction(
  node: PublicClient,
  signer: Signer,
  call: Call,
  tell: (state: TransactionState) => void,
  effect: () => Promise<boolean> = async () => true,
): Promise<TransactionState> {
  const ended = (state: TransactionState) => {
    tell(state)
    return state
  }
  const failed = (message: string, hash: Hash | null = null) => ended({ at: 'failed', message, hash })
  tell({ at: 'checking' })
  try {
    if ((await node.getChainId()) !== signer.chainId) return failed('The node that this page asks is on another chain than your wallet.')
    await node.simulateContract({ ...call, account: signer.account })
  } catch (thrown) {
    return failed(`It would fail: ${reasonOf(thrown)} Nothing was sent.`)
  }
  tell({ at: 'asking' })
  let sent: unknown
  try {
    sent = await signer.provider.request({ method: 'eth_sendTransaction', params: [requestOf(signer, call)] })
  } catch (thrown) {
    return failed(walletErrorOf(thrown).message)
  }
  if (typeof sent !== 'string' || !isHash(sent)) return failed('Your wallet answered with what is no transaction. Look at its history before you try again.')
  const hash = sent
  tell({ at: 'pending', hash, isReplaced: false })
  try {
    const receipt = await receiptOf(node, hash, () => tell({ at: 'pending', hash, isReplaced: true }))
    if (receipt === 'cancelled') return failed('It was taken back in your wallet: another transaction took its place.', hash)
    if (receipt.status !== 'success') return failed('The contract refused it when it was mined. Only gas was spent.', hash)
    if (!(await effect())) return failed('The node says that it was mined, but what it should have changed is as before. Look at another node.', hash)
    return ended({ at: 'done', hash: receipt.transactionHash, block: receipt.blockNumber })
  } catch (thrown) {
    return failed(`It was sent, and not heard of since: ${reasonOf(thrown)} It may still be mined.`, hash)
  }
}

async function receiptOf(node: PublicClient, hash: Hash, replaced: () => void): Promise<TransactionReceipt | 'cancelled'> {
  let isCancelled = false
  const receipt = await node.waitForTransactionReceipt({
    hash,
    timeout: PATIENCE,
    pollingInterval: 1_000,
    onReplaced: ({ reason }) => {
      isCancelled = reason !== 'repriced'
      if (!isCancelled) replaced()
    },
  })
  return isCancelled ? 'cancelled' : receipt
}

function requestOf({ account, chainId }: Signer, { address, ...call }: Call) {
  return { from: account, to: address, data: encodeFunctionData(call), chainId: numberToHex(chainId) }
}

/** Why a call failed: the contract's own word for it where it has one. */
export function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof BaseError)) return thrown instanceof Error ? thrown.message : 'it is not known why.'
  const reverted = thrown.walk((one) => one instanceof ContractFunctionRevertedError)
  if (reverted instanceof ContractFunctionRevertedError) {
    const { errorName, args = [] } = reverted.data ?? {}
    return errorName ? `the contract says ${errorName}(${args.map(String).join(', ')}).` : (reverted.reason ?? reverted.shortMessage)
  }
  return thrown.shortMessage
}
