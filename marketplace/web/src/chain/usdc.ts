import { usdcAbi } from '@computehive/contracts'
import { parseAbi, type Address, type PublicClient } from 'viem'

import type { Call } from './transactions'

/** What an account could bring to a contract, in micro-USDC, and the token that this contract itself names. */
export interface Purse {
  readonly token: Address
  readonly wallet: bigint
  readonly allowance: bigint
}

const TAKES_TOKEN = parseAbi(['function token() view returns (address)'])

export async function readPurse(node: PublicClient, contract: Address, owner: Address): Promise<Purse> {
  const token = await node.readContract({ address: contract, abi: TAKES_TOKEN, functionName: 'token' })
  const usdc = { address: token, abi: usdcAbi } as const
  const [wallet, allowance] = await Promise.all([
    node.readContract({ ...usdc, functionName: 'balanceOf', args: [owner] }),
    node.readContract({ ...usdc, functionName: 'allowance', args: [owner, contract] }),
  ])
  return { token, wallet, allowance }
}

/** Lets a contract take `amount` and no more. */
export function approveCall(token: Address, contract: Address, amount: bigint): Call {
  return { address: token, abi: usdcAbi, functionName: 'approve', args: [contract, amount] }
}
