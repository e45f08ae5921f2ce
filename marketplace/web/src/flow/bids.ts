import { Verification } from '@computehive/contracts'

import type { components } from '../generated/api'
import { buildBid, type Bid, type Resources } from '../orders/bid'
import type { Blob256, JobSpec } from '../orders/spec'
import { hashOrder } from '../replay/hashes'
import { needsOf, type Flow, type Job } from './model'
import { microOf, numberOf } from './numbers'
import { columnsOf } from './order'
import { attemptsOf, SLACK } from './problems'

type Place = components['schemas']['Place']

/** One of a workflow's bids. */
export interface FlowBid {
  readonly job: string
  /** From 0. */
  readonly attempt: number
  readonly bid: Bid
  readonly spec: JobSpec
}

/** A job whose files are there: its specification at a place of the workflow. */
export interface Ready {
  readonly files: readonly Blob256[]
  readonly specAt: (place: Place) => JobSpec
}

interface Terms {
  readonly renter: string
  readonly market: string
  readonly firstSalt: number
  /** Unix seconds. */
  readonly now: number
}

const DEFAULT_MAX_BYTES = 256_000_000
const FUEL_PER_GFUEL = 1e9

/** All bids of a workflow that nothing is wrong with, by ascending salt: each job after those that it needs, its attempts one after
 * the other, as `hive workflow run` builds them (marketplace/client/workflows.py). */
export function buildFlow(flow: Flow, ready: ReadonlyMap<string, Ready>, { renter, market, firstSalt, now }: Terms): FlowBid[] {
  const ends = latestEnds(flow, now)
  const total = flow.jobs.reduce((sum, job) => sum + attemptsOf(job), 0)
  const hashes = new Map<string, readonly string[]>()
  const built: FlowBid[] = []
  for (const job of ordered(flow)) {
    ends.get(job.name)!.forEach((deadline, attempt) => {
      const earlier = hashes.get(job.name) ?? []
      const place: Place = { name: flow.name, bids: total, job: job.name, needs: needsAt(job, hashes), insteadOf: [...earlier] }
      const spec = ready.get(job.name)!.specAt(place)
      const resources = resourcesOf(job, spec)
      const bid = buildBid({
        renter,
        market,
        spec,
        resources,
        maxPrice: microOf(job.maxPrice)!,
        replicas: numberOf('replicas', job.replicas),
        verification: job.verify ? Verification[job.verify.toUpperCase() as keyof typeof Verification] : null,
        salt: firstSalt + built.length,
        now,
        validSeconds: Math.max(1, deadline - resources.durationSeconds - now),
        deadline,
      })
      built.push({ job: job.name, attempt, bid, spec })
      hashes.set(job.name, [...earlier, hashOrder('Bid', bid)])
    })
  }
  return built
}

/** Every job after those that it needs; else as they are written. */
export function ordered(flow: Flow): Job[] {
  const columns = columnsOf(flow.jobs.map((job) => ({ name: job.name, needs: needsOf(job) })))
  return [...flow.jobs].sort((one, other) => columns.get(one.name)! - columns.get(other.name)!)
}

/** By when each attempt of each job must have ended, Unix seconds: all before it may take their whole time. */
function latestEnds(flow: Flow, now: number): Map<string, number[]> {
  const ends = new Map<string, number[]>()
  for (const job of ordered(flow)) {
    const start = Math.max(now, ...needsOf(job).map((need) => ends.get(need)!.at(-1)!))
    const slot = job.within === '' ? numberOf('seconds', job.seconds) + SLACK : Number(job.within)
    ends.set(job.name, Array.from({ length: attemptsOf(job) }, (_, attempt) => start + (attempt + 1) * slot))
  }
  return ends
}

function needsAt(job: Job, hashes: ReadonlyMap<string, readonly string[]>): Place['needs'] {
  return needsOf(job).map((name) => ({
    bids: [...hashes.get(name)!],
    files: job.takes.filter((one) => one.job === name).map(({ path, output, maxBytes }) => ({ path, output, maxBytes: maxBytes === '' ? DEFAULT_MAX_BYTES : Number(maxBytes) })),
  }))
}

function resourcesOf(job: Job, spec: JobSpec): Resources {
  const isMetered = spec.sandbox === 'wasm'
  return {
    gpus: numberOf('gpus', job.gpus),
    vcpus: numberOf('vcpus', job.vcpus),
    memoryMb: numberOf('memory', job.memory),
    durationSeconds: numberOf('seconds', job.seconds),
    fuel: isMetered ? BigInt(Math.trunc(numberOf('fuel', job.fuel) * FUEL_PER_GFUEL)).toString() : '0',
    egressMb: numberOf('egress', job.egress),
  }
}
