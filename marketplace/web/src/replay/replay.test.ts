import { typedData } from '@computehive/contracts'
import { hashStruct } from 'viem'
import { expect, test } from 'vitest'

import { jsonDigest } from '../protocol/canonical'
import { hashOrder } from './hashes'
import { recordedClaim } from './recorded'
import { replay, type Claim, type Finding } from './replay'
import type { Transcript } from './transcript'

async function findings(claim: Claim): Promise<Finding[]> {
  const found: Finding[] = []
  for await (const step of replay(claim)) if (step.kind === 'finding') found.push(step)
  return found
}

/** A transcript that is changed and then named by its own digest: what a dishonest market would publish. */
function changed(change: (transcript: Transcript) => void): Claim {
  const claim = recordedClaim()
  change(claim.transcript)
  return { ...claim, digest: jsonDigest(claim.transcript) }
}

async function failing(claim: Claim): Promise<string[]> {
  return (await findings(claim)).filter(({ state }) => state === 'fails').map(({ name }) => name)
}

test('a round of the market holds in every point', async () => {
  const found = await findings(recordedClaim())
  expect(found.map(({ state, say }) => [state, say])).toEqual(found.map(({ say }) => ['holds', say]))
  expect(found).toHaveLength(10)
})

test('orders are called what viem calls them', () => {
  const { bids, asks } = recordedClaim().transcript
  const big = (order: object) => Object.fromEntries(Object.entries(order).map(([name, value]) => [name, /^\d+$/.test(String(value)) ? BigInt(value) : value]))
  expect(hashOrder('Bid', bids[0]!.bid)).toBe(hashStruct({ types: typedData.Bid.types, primaryType: 'Bid', data: big(bids[0]!.bid) } as never))
  expect(hashOrder('Ask', asks[0]!.ask)).toBe(hashStruct({ types: typedData.Ask.types, primaryType: 'Ask', data: big(asks[0]!.ask) } as never))
})

const DIGEST = 'The transcript is the one that its digest names'
test('one letter other than what was named is seen', async () => {
  const claim = recordedClaim()
  expect(await failing({ ...claim, digest: claim.digest.replace(/.$/, (last) => (last === '0' ? '1' : '0')) })).toEqual([DIGEST])
})

test('a transcript of another round is seen', async () => {
  expect(await failing({ ...recordedClaim(), number: 2 })).toEqual([DIGEST])
})

const ORDERS = 'Each order counts for what was signed'
const SIGNED = 'Every order was signed by who it names'
const UNITS = 'No node is over its units'
const PRICES = 'Prices are quote and rent'
const WHOLE = 'Who is served is served whole'
const IDLE = 'Idle capacity has no rent'
const SURPLUS = 'The surplus adds up'
const CERTIFICATE = 'The certificate holds'

const lift = (text: string, by: number) => (BigInt(text) + BigInt(by)).toString()

const LIES: [string, (transcript: Transcript) => void, string[]][] = [
  ['a price above quote and rent', ({ matches }) => void (matches[0]!.price = lift(matches[0]!.price, 1)), [PRICES]],
  ['a quote that the rates do not come to', ({ matches }) => void (matches[0]!.quote = lift(matches[0]!.quote, -1)), [PRICES]],
  ['a rent on a node with an idle unit', (one) => void ((one.rents as Record<string, string>)[one.matches[0]!.askHash] = '5'), [PRICES, IDLE, CERTIFICATE]],
  ['more units taken than the job fills', ({ matches }) => void (matches[0]!.units = 2), [UNITS]],
  ['a lease on a node without a free unit', ({ asks }) => void (asks[0]!.freeUnits = 0), [UNITS]],
  ['more free units than were signed', ({ asks }) => void (asks[0]!.freeUnits = 99), [ORDERS]],
  ['a surplus that is too high', ({ certificate }) => void (certificate.surplus = lift(certificate.surplus, 1)), [SURPLUS, CERTIFICATE]],
  ['a bound further off than epsilon allows', ({ certificate }) => void (certificate.bound = lift(certificate.bound, 1)), [CERTIFICATE]],
  ['a bound below the surplus', ({ certificate }) => void (certificate.bound = lift(certificate.bound, -1)), [CERTIFICATE]],
  ['a signature of somebody else', ({ bids, asks }) => void (bids[0]!.signature = asks[0]!.signature), [SIGNED]],
  ['a job that was not signed', ({ bids }) => void (bids[0]!.jobSpec.name = 'another'), [ORDERS]],
  ['an order that is listed twice', ({ asks }) => void asks.push(asks[0]!), [ORDERS]],
  ['a match listed twice', ({ matches }) => void matches.push(matches[0]!), [WHOLE, SURPLUS, CERTIFICATE]],
]

test.each(LIES)('%s is seen', async (_, lie, names) => {
  expect(await failing(changed(lie))).toEqual(names)
})

test('a bid that was changed is another bid: its match names nobody', async () => {
  const found = await findings(changed(({ bids }) => void (bids[0]!.bid.maxPrice = '7')))
  expect(found.filter(({ state }) => state === 'fails').map(({ name }) => name)).toEqual([SIGNED, 'The transcript can be read'])
})

test('what only the chain can check is said, not passed', async () => {
  const found = await findings(changed(({ asks }) => void (asks[0]!.signature = `0x${'12'.repeat(96)}`)))
  expect(found.find(({ name }) => name === SIGNED)).toMatchObject({ state: 'partly', say: '1 signatures are good. 1 are of account contracts: only the chain can say.' })
})

test.each(['bids', 'matches', 'certificate', 'domain'])('a transcript without %s is garbled, and no more than that', async (name) => {
  const claim = changed((transcript) => void delete (transcript as unknown as Record<string, unknown>)[name])
  expect((await failing(claim)).at(-1)).toBe('The transcript can be read')
})

test('what preferences weigh is not recomputed, and that is said', async () => {
  const wish = { carbonPricePerKg: 5, latency: [], locality: [], data: [] }
  const found = await findings(changed(({ bids }) => void (bids[0]!.jobSpec.preferences = wish)))
  expect(found.filter(({ state }) => state === 'partly').map(({ name }) => name)).toEqual(['Nobody is served at a loss', SURPLUS])
})
