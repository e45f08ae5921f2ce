import { typedData } from '@computehive/contracts'
import { encodeAbiParameters, hashStruct, hashTypedData, isAddressEqual, keccak256, recoverAddress, type Address, type Hex, type TypedDataDomain } from 'viem'

import { jsonDigest } from '../../protocol/canonical'
import { isInOrder, manifestRoot, type Entry } from '../../protocol/manifest'
import { payOf, quoteOf, type AskRates, type Attested, type Reserved, type Whole } from './pay'

/** What came of looking at one thing: it `holds`, it `fails`, or it could not be looked at; `why` says more. */
export interface Check {
  readonly what: string
  readonly outcome: 'holds' | 'fails' | 'unknown'
  readonly why: string
}

type Message = Readonly<Record<string, unknown>>
export type MessageName = 'Ask' | 'Bid' | 'Attestation' | 'VerdictSeal' | 'VerdictReveal'

export interface Reveal extends Message {
  readonly outcome: number
  readonly pay: Whole
  readonly resultDigest: string
  readonly secret: string
}

/** What an oracle signed about a lease; `reveal` once it is decided. */
export interface Signed {
  readonly oracle: string
  readonly seal: Message & { readonly commitment: string }
  readonly sealSignature: string
  readonly reveal: Reveal | null
  readonly revealSignature: string | null
}

/** All that a market tells about a lease; nothing of it is believed. */
export interface Material {
  readonly domain: TypedDataDomain
  readonly jobId: string
  readonly lease: {
    readonly leaseId: string
    readonly price: string
    readonly feeBps: number
    readonly outcome: string | null
    readonly reason: string | null
    readonly paid: string | null
    readonly fee: string | null
    readonly refund: string | null
  }
  readonly terms: {
    readonly bid: Message & Reserved & { readonly renter: string; readonly jobDigest: string; readonly maxPrice: Whole; readonly verification: number }
    readonly bidSignature: string
    readonly ask: Message & AskRates & { readonly provider: string; readonly agent: string; readonly profileDigest: string }
    readonly askSignature: string
    readonly jobSpec: unknown
    readonly profile: unknown
  }
  readonly evidence: {
    readonly attestation: Message & Attested & { readonly leaseId: string; readonly jobDigest: string; readonly resultDigest: string }
    readonly signature: string
    readonly manifest: { readonly entries: readonly Entry[] }
  } | null
  readonly seals: readonly Signed[]
  readonly oracles: { readonly members: readonly string[]; readonly threshold: number }
}

const PAID = 1

/** What follows from the documents alone: digests, signatures, verdicts and the bill. */
export async function checkDocuments(material: Material): Promise<Check[]> {
  const groups = [await checkOrders(material), await checkEvidence(material), await checkVerdicts(material), checkBill(material)]
  return groups.flat()
}

async function checkOrders({ domain, jobId, lease, terms }: Material): Promise<Check[]> {
  const { bid, ask } = terms
  const price = BigInt(lease.price)
  const quote = quoteOf(ask, bid)
  return [
    told('The job specification has the digest that was signed', jsonDigest(terms.jobSpec) === bid.jobDigest, `SHA-256 of its canonical form, ${bid.jobDigest}`),
    told("The job's id is the hash of the bid", structHash('Bid', bid) === jobId, 'EIP-712 struct hash'),
    await signedBy('The bid is signed by its renter', domain, 'Bid', bid, terms.bidSignature, bid.renter),
    await checkAsk(domain, ask, terms.askSignature),
    told("The machine's profile has the digest that its ask names", jsonDigest(terms.profile) === ask.profileDigest, ask.profileDigest),
    told('The price is no less than the ask and no more than the bid', quote <= price && price <= BigInt(bid.maxPrice), `${quote} ≤ ${price} ≤ ${bid.maxPrice} micro-USDC`),
  ]
}

async function checkAsk(domain: TypedDataDomain, ask: Material['terms']['ask'], signature: string): Promise<Check> {
  const what = 'The ask is signed by its provider'
  const signer = await signerOf(domain, 'Ask', ask, signature)
  if (signer && isAddressEqual(signer, ask.agent as Address) && !isAddressEqual(signer, ask.provider as Address))
    return { what, outcome: 'unknown', why: 'its agent signed it; whether the provider had delegated it is on the chain' }
  return signedBy(what, domain, 'Ask', ask, signature, ask.provider)
}

async function checkEvidence({ domain, lease, terms, evidence }: Material): Promise<Check[]> {
  if (!evidence) return [{ what: 'The result is attested', outcome: 'unknown', why: 'nothing was attested' }]
  const { attestation, manifest } = evidence
  const about = attestation.leaseId === lease.leaseId && attestation.jobDigest === terms.bid.jobDigest
  const root = manifestRoot(manifest.entries)
  return [
    told('The attestation is about this lease and this job', about, attestation.leaseId),
    await signedBy("The attestation is signed by the machine's agent", domain, 'Attestation', attestation, evidence.signature, terms.ask.agent, false),
    told("The manifest's Merkle root is the attested result", root === attestation.resultDigest && isInOrder(manifest.entries), root),
  ]
}

async function checkVerdicts({ domain, lease, evidence, seals, oracles }: Material): Promise<Check[]> {
  const checks: Check[] = []
  const agreeing = new Set<string>()
  for (const one of seals) {
    const sealed = await signedBy(`Oracle ${one.oracle} signed its sealed verdict`, domain, 'VerdictSeal', one.seal, one.sealSignature, one.oracle, false)
    checks.push(isMember(one.oracle, oracles.members) ? sealed : { ...sealed, outcome: 'unknown', why: 'it is not in the committee of today' })
    if (!one.reveal || !one.revealSignature) continue
    const opens = commitmentOf(one.oracle, one.reveal) === one.seal.commitment && one.reveal['leaseId'] === lease.leaseId
    checks.push(told(`Its verdict opens the seal of ${one.oracle}`, opens, one.seal.commitment))
    const revealed = await signedBy(`Oracle ${one.oracle} signed its verdict`, domain, 'VerdictReveal', one.reveal, one.revealSignature, one.oracle, false)
    checks.push(revealed)
    const isAgreed = OUTCOMES[one.reveal.outcome] === lease.outcome && (one.reveal.outcome !== PAID || one.reveal.resultDigest === evidence?.attestation.resultDigest)
    if ([sealed, revealed].every(({ outcome }) => outcome === 'holds') && opens && isAgreed && isMember(one.oracle, oracles.members)) agreeing.add(one.oracle.toLowerCase())
  }
  if (lease.reason === 'verdict')
    checks.push(told('Enough oracles of the committee found what the lease was closed with', agreeing.size >= oracles.threshold, `${agreeing.size}, and ${oracles.threshold} are needed`))
  return checks
}

const OUTCOMES: readonly string[] = ['none', 'paid', 'failed', 'fraud']

function checkBill({ lease, terms, evidence }: Material): Check[] {
  if (lease.paid === null || lease.fee === null || lease.refund === null) return [{ what: 'The bill adds up', outcome: 'unknown', why: 'the lease is not closed yet' }]
  const [price, paid, fee, refund] = [lease.price, lease.paid, lease.fee, lease.refund].map(BigInt) as [bigint, bigint, bigint, bigint]
  const gross = paid + fee
  const checks = [
    told('Paid, fee and refund are what was locked', gross + refund === price, `${paid} + ${fee} + ${refund} = ${price} micro-USDC`),
    told('The fee is the share that the lease was opened with', fee === (gross * BigInt(lease.feeBps)) / 10_000n, `${lease.feeBps} basis points of ${gross} micro-USDC`),
  ]
  const what = 'The pay follows from the rates and what was used'
  if (lease.outcome !== 'paid') return [...checks, told('Nothing is paid for a job that did not succeed', gross === 0n, `${gross} micro-USDC`)]
  if (lease.reason !== 'verdict' || !evidence) return [...checks, { what, outcome: 'unknown', why: 'no verdict of oracles closed the lease, but what its renter and provider agreed on or claimed' }]
  const pay = payOf(terms.ask, terms.bid, evidence.attestation, price)
  return [...checks, told(what, pay === gross, `${pay ?? 'nothing'} computed, ${gross} paid, micro-USDC`)]
}

/** The struct hash of a message: an order's name. */
export function structHash(name: MessageName, message: Message): Hex {
  return hashStruct({ data: typed(name, message), types: typedData[name].types, primaryType: name } as unknown as Parameters<typeof hashStruct>[0])
}

/** What an oracle's verdict commits it to (docs/protocol.md, `VerdictSeal`). */
export function commitmentOf(oracle: string, reveal: Reveal): Hex {
  const kinds = ['bytes32', 'address', 'uint8', 'uint64', 'bytes32', 'bytes32'].map((type) => ({ type }))
  return keccak256(encodeAbiParameters(kinds, [reveal['leaseId'], oracle, reveal.outcome, BigInt(reveal.pay), reveal.resultDigest, reveal.secret]))
}

async function signedBy(what: string, domain: TypedDataDomain, name: MessageName, message: Message, signature: string, signer: string, mayBeContract = true): Promise<Check> {
  const found = await signerOf(domain, name, message, signature)
  if (found && isAddressEqual(found, signer as Address)) return { what, outcome: 'holds', why: signer }
  const why = found ? `a key of ${found} made the signature` : 'it is no signature of a key'
  return mayBeContract ? { what, outcome: 'unknown', why: `${why}; ${signer} may be a contract, which is asked below` } : { what, outcome: 'fails', why }
}

/** Who signed a message; null where the signature is not one of a key. */
export async function signerOf(domain: TypedDataDomain, name: MessageName, message: Message, signature: string): Promise<Address | null> {
  try {
    return await recoverAddress({ hash: digestOf(domain, name, message), signature: signature as Hex })
  } catch {
    return null
  }
}

/** What is signed of a message (EIP-712). */
export function digestOf(domain: TypedDataDomain, name: MessageName, message: Message): Hex {
  const { verifyingContract: escrow } = domain
  const bound = escrow ? { ...domain, verifyingContract: escrow.toLowerCase() } : domain // how it is written is not signed
  return hashTypedData({ domain: bound, types: typedData[name].types, primaryType: name, message: typed(name, message) } as unknown as Parameters<typeof hashTypedData>[0])
}

/** Only the fields that are signed; wide whole numbers, decimal strings in JSON, as numbers. */
function typed(name: MessageName, message: Message): Message {
  const fields = (typedData[name].types as Readonly<Record<string, readonly { name: string; type: string }[]>>)[name] ?? []
  return Object.fromEntries(fields.map((field) => [field.name, /^u?int/.test(field.type) ? BigInt(message[field.name] as Whole) : message[field.name]]))
}

function isMember(oracle: string, members: readonly string[]): boolean {
  return members.some((one) => one.toLowerCase() === oracle.toLowerCase())
}

export function told(what: string, isSo: boolean, why: string): Check {
  return { what, outcome: isSo ? 'holds' : 'fails', why }
}
