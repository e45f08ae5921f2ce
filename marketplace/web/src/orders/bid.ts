import { Settlement, typedData, Verification } from '@computehive/contracts'
import { getAddress } from 'viem'

import type { components } from '../generated/api'
import type { Config } from '../market/queries'
import type { Typed } from '../wallet/signing'
import { jobDigest, type JobSpec } from './spec'

export type Bid = components['schemas']['Bid']

export interface Resources {
  readonly gpus: number
  readonly vcpus: number
  readonly memoryMb: number
  readonly durationSeconds: number
  /** Wasm instructions; none where nobody counts them. */
  readonly fuel: string
  readonly egressMb: number
}

/** How long a bid waits for a match before it lapses by itself; as `hive run`. */
export const VALID_SECONDS = 600
/** Beyond waiting and running, for verification and settlement; afterwards anyone may refund. */
export const SLACK_SECONDS = 900

const taken = new Map<string, number>()

/** The salt for a renter's next bid: what the market says comes next, and none that this page took before. */
export function takeSalt(renter: string, next: number): number {
  const salt = Math.max(next, (taken.get(renter) ?? -1) + 1)
  taken.set(renter, salt)
  return salt
}

/** As many, one after the other; the first of them. */
export function takeSalts(renter: string, next: number, count: number): number {
  const first = takeSalt(renter, next)
  taken.set(renter, first + count - 1)
  return first
}

/** What is deterministic is run again; of the rest replicas vote, and a single one is accepted by its renter. */
export function verificationOf(spec: JobSpec, replicas: number): number {
  if (spec.sandbox === 'wasm') return Verification.REEXECUTE
  return replicas > 1 ? Verification.REPLICATE : Verification.ACCEPT
}

interface Terms {
  readonly renter: string
  readonly market: string
  readonly spec: JobSpec
  readonly resources: Resources
  /** Micro-USDC for each replica, at most. */
  readonly maxPrice: bigint
  readonly replicas: number
  readonly salt: number
  /** Unix seconds. */
  readonly now: number
  /** A `Verification`; else what fits the job. */
  readonly verification?: number | null
  /** How long it waits for a match. */
  readonly validSeconds?: number
  /** Unix seconds; else what leaves time for all that follows. */
  readonly deadline?: number
}

/** The bid for a job, as `hive run` builds it (marketplace/client/jobs.py). */
export function buildBid({ renter, market, spec, resources, maxPrice, replicas, salt, now, verification, validSeconds = VALID_SECONDS, deadline }: Terms): Bid {
  return {
    renter,
    market,
    jobDigest: jobDigest(spec),
    ...resources,
    maxPrice: maxPrice.toString(),
    replicas,
    verification: verification ?? verificationOf(spec, replicas),
    settlement: Settlement.ESCROWED,
    deadline: deadline ?? now + validSeconds + resources.durationSeconds + SLACK_SECONDS,
    validUntil: now + validSeconds,
    salt,
  }
}

/** What the wallet is asked to sign. */
export function typedBid(bid: Bid, config: Config): Typed {
  const { chainId, verifyingContract, name, version } = config.domain
  const domain = { name, version, chainId, verifyingContract: getAddress(verifyingContract) }
  return { domain, ...typedData.Bid, message: { ...bid } }
}
