import { describe, expect, it } from 'vitest'

import { canonicalJson, jsonDigest } from '../../protocol/canonical'
import { isInOrder, manifestRoot } from '../../protocol/manifest'
import { checkDocuments, type Material } from './checks'
import { payOf, quoteOf } from './pay'
import written from './vectors.json'

/** Long numbers stand there in groups of 32 digits. */
const vectors = JSON.parse(JSON.stringify(written).replaceAll(/(?<=[0-9a-f]{32})_(?=[0-9a-f])/g, '')) as typeof written

/** A job from its bid to its settlement, as the Python implementation told it. */
function material(): Material {
  const { domain, oracles, job, terms, evidence, seals } = structuredClone(vectors.job)
  return { domain, oracles, jobId: job.jobId, lease: job.leases[0], terms, evidence, seals: seals.seals } as unknown as Material
}

const failing = async (changed: Material) => (await checkDocuments(changed)).filter(({ outcome }) => outcome === 'fails').map(({ what }) => what)

/** Anything about a job, to be changed. */
type Loose = Record<string, any> // eslint-disable-line @typescript-eslint/no-explicit-any

describe('the arithmetic is that of the protocol', () => {
  it.each(vectors.documents)('$digest is the digest of its document', ({ document, canonical, digest }) => {
    expect(canonicalJson(document)).toBe(canonical)
    expect(jsonDigest(document)).toBe(digest)
  })

  it.each(vectors.pays)('a quote of $quote and a pay of $pay', ({ ask, bid, attestation, price, quote, pay }) => {
    expect(String(quoteOf(ask, bid))).toBe(quote)
    expect(String(payOf(ask, bid, attestation, BigInt(price)))).toBe(pay)
  })

  it('more than was reserved has no pay', () => {
    const { ask, bid, price } = vectors.pays[0]!
    expect(payOf(ask, bid, { fuel: String(BigInt(bid.fuel) + 1n), egressBytes: 0, wallSeconds: 1 }, BigInt(price))).toBeNull()
  })

  it('the root of no files is the hash of nothing, and paths ascend', () => {
    expect(manifestRoot([])).toMatch(/^0xe3b0c442/)
    const entry = (path: string) => ({ path, size: 0, digest: '0x' })
    expect([isInOrder([entry('a'), entry('b')]), isInOrder([entry('b'), entry('a')]), isInOrder([entry('a'), entry('a')])]).toEqual([true, false, false])
  })
})

describe('a settled job', () => {
  it('holds in every line', async () => {
    const checks = await checkDocuments(material())
    expect(checks.filter(({ outcome }) => outcome !== 'holds')).toEqual([])
    expect(checks).toHaveLength(19)
  })

  it.each<[string, (job: Loose) => void, string]>([
    ['another specification', ({ terms }) => (terms.jobSpec.args = ['--evil']), 'The job specification has the digest that was signed'],
    ['another bid', ({ terms }) => (terms.bid.maxPrice = '2000000'), "The job's id is the hash of the bid"],
    ['another profile', ({ terms }) => (terms.profile.region = 'us'), "The machine's profile has the digest that its ask names"],
    ['a price above the bid', ({ lease }) => (lease.price = '1000001'), 'The price is no less than the ask and no more than the bid'],
    ['another lease attested', ({ evidence, terms }) => (evidence.attestation.leaseId = terms.bid.jobDigest), 'The attestation is about this lease and this job'],
    ['more fuel attested', ({ evidence }) => (evidence.attestation.fuel = '6000000000'), "The attestation is signed by the machine's agent"],
    ['another file', ({ evidence }) => (evidence.manifest.entries[1].size = 7), "The manifest's Merkle root is the attested result"],
    ['one oracle too few', ({ seals }) => seals.pop(), 'Enough oracles of the committee found what the lease was closed with'],
    ['one oracle twice', ({ seals }) => (seals[1] = seals[0]), 'Enough oracles of the committee found what the lease was closed with'],
    ['a larger fee', ({ lease }) => Object.assign(lease, { paid: '5630', fee: '297' }), 'The fee is the share that the lease was opened with'],
    ['money that is missing', ({ lease }) => (lease.refund = '5875'), 'Paid, fee and refund are what was locked'],
    ['a larger pay', ({ lease }) => Object.assign(lease, { paid: '11213', fee: '590', refund: '0' }), 'The pay follows from the rates and what was used'],
    ['pay for a failure', ({ lease }) => (lease.outcome = 'failed'), 'Nothing is paid for a job that did not succeed'],
  ])('%s is found', async (_, change, what) => {
    const changed = material()
    change(changed as unknown as Loose)
    expect(await failing(changed)).toContain(what)
  })

  it('that another key signed is told as what could not be checked: the renter may be a contract', async () => {
    const changed = material() as unknown as Loose
    changed['terms'].bidSignature = changed['terms'].askSignature
    const [, , bid] = await checkDocuments(changed as Material)
    expect(bid).toMatchObject({ what: 'The bid is signed by its renter', outcome: 'unknown' })
  })
})
