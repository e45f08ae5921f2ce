import type { Address, Hex, PublicClient } from 'viem'

import { answerOf, type Market } from '../../market/api'
import { Problem } from '../../market/problem'
import type { Config } from '../../market/queries'
import { isNamed, type Entry } from '../../protocol/manifest'
import { checkChain } from './chain'
import { checkDocuments, digestOf, told, type Check, type Material } from './checks'
import type { Job, Lease } from './queries'

/** What is downloaded at most to be hashed again, in bytes. */
const MOST = 50_000_000

/** Ask for all that was signed about a lease, and recompute what can be. Throws Problem where the market does not tell. */
export async function verifyLease(market: Market, marketUrl: string, node: PublicClient | null, config: Config, job: Job, lease: Lease): Promise<Check[]> {
  const material = await gather(market, config, job, lease)
  const documents = await checkDocuments(material)
  const asked = await askContracts(node, material, documents)
  const files = await checkFiles(marketUrl, material.evidence?.manifest.entries ?? null, Boolean(job.jobSpec.privacy))
  return [...asked, files, ...(await checkChain(node, config.chainId, config.domain.verifyingContract, lease))]
}

async function gather(market: Market, config: Config, job: Job, lease: Lease): Promise<Material> {
  const params = { params: { path: { lease_id: lease.leaseId } } }
  const [terms, seals, evidence] = await Promise.all([
    answerOf(market.GET('/api/v1/leases/{lease_id}/terms', params)),
    answerOf(market.GET('/api/v1/leases/{lease_id}/seals', params)),
    answerOf(market.GET('/api/v1/leases/{lease_id}/attestation', params)).catch((thrown: unknown) => {
      if (thrown instanceof Problem && thrown.status === 404) return null
      throw thrown
    }),
  ])
  const domain = { ...config.domain, verifyingContract: config.domain.verifyingContract as Address }
  return { domain, jobId: job.jobId, lease, terms, evidence, seals: seals.seals, oracles: config.oracles } as unknown as Material
}

/** A renter or provider that is a contract says itself whether a signature is its own (ERC-1271). */
async function askContracts(node: PublicClient | null, { domain, terms }: Material, checks: readonly Check[]): Promise<Check[]> {
  const orders = [
    { what: 'The bid is signed by its renter', name: 'Bid', message: terms.bid, signature: terms.bidSignature, address: terms.bid.renter },
    { what: 'The ask is signed by its provider', name: 'Ask', message: terms.ask, signature: terms.askSignature, address: terms.ask.provider },
  ] as const
  return Promise.all(
    checks.map(async (check) => {
      const order = orders.find(({ what }) => what === check.what)
      if (check.outcome !== 'unknown' || !order || !node) return check
      const [address, signature] = [order.address as Address, order.signature as Hex]
      const isGood = await node.verifyHash({ address, hash: digestOf(domain, order.name, order.message), signature }).catch(() => null)
      return isGood ? told(check.what, true, `the contract ${address} says so`) : check
    }),
  )
}

/** Every file of the result, downloaded and hashed. */
export async function checkFiles(marketUrl: string, entries: readonly Entry[] | null, isPrivate: boolean): Promise<Check> {
  const what = 'Each file of the result has the digest that the manifest names'
  const unknown = (why: string): Check => ({ what, outcome: 'unknown', why })
  if (!entries) return unknown('nothing was attested')
  if (isPrivate) return unknown('the job is private: its digests need its key')
  const bytes = entries.reduce((total, { size }) => total + size, 0)
  if (bytes > MOST) return unknown(`they have ${bytes.toLocaleString()} bytes, more than a page should load`)
  try {
    for (const { path, size, digest } of entries) {
      const answer = await fetch(`${marketUrl}/api/v1/blobs/${digest}`, { signal: AbortSignal.timeout(60_000) })
      if (!answer.ok) return unknown(`the market does not give ${path}`)
      const data = new Uint8Array(await answer.arrayBuffer())
      if (data.length !== size || !isNamed(data, digest)) return told(what, false, `${path} is another`)
    }
  } catch {
    return unknown('the market did not answer')
  }
  return told(what, true, `${entries.length} files, ${bytes.toLocaleString()} bytes`)
}
