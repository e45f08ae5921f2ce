import { escrowAbi, usdcAbi } from '@computehive/contracts'
import { domainSeparator, parseSignature, size, type Address, type Hex, type PublicClient } from 'viem'

import type { Call } from '../../chain/transactions'
import type { Typed } from '../../wallet/signing'

const TYPES = {
  Permit: [
    { name: 'owner', type: 'address' },
    { name: 'spender', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'nonce', type: 'uint256' },
    { name: 'deadline', type: 'uint256' },
  ],
} as const
/** How long a permit holds, in seconds of the chain. */
const HOLDS = 3_600
/** Seconds that are left at least when it is signed. */
const LEAST = 300n
const SIGNATURE_BYTES = 65

/** A permit (EIP-2612) before it is signed. */
export interface Permit {
  readonly typed: Typed
  readonly value: bigint
  /** Unix seconds, by the chain. */
  readonly deadline: bigint
}

/** The permit by which the escrow may take `value` once; null of a token that knows none, or signs for another domain than it tells. */
export async function readPermit(node: PublicClient, token: Address, escrow: Address, owner: Address, value: bigint): Promise<Permit | null> {
  const usdc = { address: token, abi: usdcAbi } as const
  try {
    const [chainId, block, name, version, nonce, separator] = await Promise.all([
      node.getChainId(),
      node.getBlock(),
      node.readContract({ ...usdc, functionName: 'name' }),
      node.readContract({ ...usdc, functionName: 'version' }),
      node.readContract({ ...usdc, functionName: 'nonces', args: [owner] }),
      node.readContract({ ...usdc, functionName: 'DOMAIN_SEPARATOR' }),
    ])
    const domain = { name, version, chainId, verifyingContract: token }
    if (domainSeparator({ domain }) !== separator) return null
    const deadline = block.timestamp + BigInt(HOLDS)
    const message = { owner, spender: escrow, value: value.toString(), nonce: nonce.toString(), deadline: deadline.toString() }
    return { typed: { domain, types: TYPES, primaryType: 'Permit', message }, value, deadline }
  } catch {
    return null
  }
}

/** Whether a permit must be read again: it is somebody else's, its number was used, or its time is nearly over. `fresh` is the one of now. */
export function isStale(permit: Permit, fresh: Permit): boolean {
  const left = permit.deadline - (fresh.deadline - BigInt(HOLDS))
  const isOther = (['owner', 'spender', 'value', 'nonce'] as const).some((field) => permit.typed.message[field] !== fresh.typed.message[field])
  return isOther || left < LEAST
}

/** The deposit that brings its permit along; null where the signature is one of a contract's (ERC-1271), which a permit cannot carry. */
export function permitCall(escrow: Address, { value, deadline }: Permit, signature: Hex): Call | null {
  if (size(signature) !== SIGNATURE_BYTES) return null
  const { r, s, yParity } = parseSignature(signature)
  return { address: escrow, abi: escrowAbi, functionName: 'depositWithPermit', args: [value, deadline, 27 + yParity, r, s] }
}
