import { escrowAbi } from '@computehive/contracts'
import type { Address, PublicClient } from 'viem'

import type { Call } from '../../chain/transactions'

/** What the escrow holds of a renter's money that no lease needs, micro-USDC. */
export async function freeOf(node: PublicClient, escrow: Address, renter: Address): Promise<bigint> {
  return node.readContract({ address: escrow, abi: escrowAbi, functionName: 'free', args: [renter] })
}

export function depositCall(escrow: Address, amount: bigint): Call {
  return { address: escrow, abi: escrowAbi, functionName: 'deposit', args: [amount] }
}
