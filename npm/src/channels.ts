/** Vouchers of payment channels packed for `redeem`. Needs viem. */
import { type Address, type Hex, encodeAbiParameters, hashTypedData, keccak256, numberToHex, size, slice } from 'viem'
import type { Domain } from './domains.js'
import { channelTypedData } from './generated/messages.js'

/** The terms of a channel; nobody signs them. */
export interface ChannelConfig {
  readonly payer: Address
  /** Signs vouchers; the zero address if the payer itself does. */
  readonly payerAuthorizer: Address
  readonly receiver: Address
  readonly receiverAuthorizer: Address
  readonly token: Address
  /** Seconds. */
  readonly withdrawDelay: number
  readonly salt: Hex
}

/** A signed voucher and what the payee takes of it. */
export interface Claim {
  readonly config: ChannelConfig
  /** What the payer signed, micro-USDC. */
  readonly maxClaimableAmount: bigint
  /** 64 bytes (EIP-2098) or 65 bytes of a key, or what an ERC-1271 account takes. */
  readonly signature: Hex
  /** Of the channel, over its life, once this is redeemed. */
  readonly totalClaimed: bigint
}

/** The id of the channel with these terms: their EIP-712 digest. */
export function channelId(config: ChannelConfig, domain: Domain): Hex {
  return hashTypedData({ domain, ...channelTypedData.ChannelConfig, message: config })
}

/** The EIP-3009 nonce that binds an authorization to one channel. */
export function depositNonce(channel: Hex, salt: bigint): Hex {
  return keccak256(encodeAbiParameters([{ type: 'bytes32' }, { type: 'uint256' }], [channel, salt]))
}

/** The argument of `redeem`: claims by payee, in the order in which each payee first appears. */
export function packPayouts(claims: readonly Claim[]) {
  const groups = new Map<string, Claim[]>()
  for (const claim of claims) {
    const payee = `${claim.config.receiver} ${claim.config.receiverAuthorizer}`.toLowerCase()
    groups.set(payee, [...(groups.get(payee) ?? []), claim])
  }
  return [...groups.values()].map((group) => {
    const signatures: Hex[] = []
    const { receiver, receiverAuthorizer } = group[0]!.config
    return { receiver, receiverAuthorizer, redemptions: group.map((claim) => pack(claim, signatures)), signatures }
  })
}

function pack({ config, maxClaimableAmount, signature, totalClaimed }: Claim, signatures: Hex[]) {
  const byAuthorizer = BigInt(config.payerAuthorizer) !== 0n
  const compact = byAuthorizer && size(signature) === 64 && BigInt(slice(signature, 0, 32)) !== 0n
  const place = numberToHex(signatures.length, { size: 32 })
  if (!compact) signatures.push(signature)
  return {
    payer: (BigInt(config.payer) << 96n) | BigInt(config.withdrawDelay),
    authorizer: (BigInt(config.payerAuthorizer) << 96n) | totalClaimed,
    salt: config.salt,
    maxClaimableAmount,
    r: compact ? slice(signature, 0, 32) : numberToHex(0, { size: 32 }),
    vs: compact ? slice(signature, 32) : place,
  }
}
