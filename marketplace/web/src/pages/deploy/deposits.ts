import { escrowAbi, usdcAbi } from '@computehive/contracts'
import type { Address, PublicClient } from 'viem'

import type { Call } from '../../chain/transactions'

/** A renter's money as the chain has it, in micro-USDC, and the token that the escrow itself names. */
export interface Funds {
  readonly token: Address
  readonly wallet: bigint
  readonly allowance: bigint
  readonly free: bigint
}

export async function readFunds(node: PublicClient, escrow: Address, renter: Address): Promise<Funds> {
  const token = await node.readContract({ address: escrow, abi: escrowAbi, functionName: 'token' })
  const usdc = { address: token, abi: usdcAbi } as const
  const [wallet, allowance, free] = await Promise.all([
    node.readContract({ ...usdc, functionName: 'balanceOf', args: [renter] }),
    node.readContract({ ...usdc, functionName: 'allowance', args: [renter, escrow] }),
    freeOf(node, escrow, renter),
  ])
  return { token, wallet, allowance, free }
}

export async function freeOf(node: PublicClient, escrow: Address, renter: Address): Promise<bigint> {
  return node.readContract({ address: escrow, abi: escrowAbi, functionName: 'free', args: [renter] })
}

/** Lets the escrow take `amount` and no more. */
export function approveCall(token: Address, escrow: Address, amount: bigint): Call {
  return { address: token, abi: usdcAbi, functionName: 'approve', args: [escrow, amount] }
}

export function depositCall(escrow: Address, amount: bigint): Call {
  return { address: escrow, abi: escrowAbi, functionName: 'deposit', args: [amount] }
}
