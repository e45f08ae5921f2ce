// Ends three leases of one market with nothing but viem and the npm package: by receipt, by claim and release, by refund.
import { readFileSync } from 'node:fs'
import { createTestClient, hashStruct, http, publicActions, stringify, walletActions } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { escrowAbi, escrowDomain, parseAddressBook, typedData } from '@computehive/contracts'
import { claimedLease, followBid, groupTerms, isOpen, readGroup, splitPrice } from '@computehive/contracts/leases'

const given = JSON.parse(readFileSync(0, 'utf8'))
const book = parseAddressBook(JSON.parse(readFileSync(given.addressBook, 'utf8')))
const [renter, provider] = [privateKeyToAccount(given.renter), privateKeyToAccount(given.provider)]
const client = createTestClient({ mode: 'ganache', transport: http(given.rpcUrl) }).extend(publicActions).extend(walletActions)
const escrow = /** @type {const} */ ({ address: book.contracts.Escrow, abi: escrowAbi, chain: null })
const domain = escrowDomain(book)
const sent = async (/** @type {Promise<`0x${string}`>} */ hash) => {
  const receipt = await client.waitForTransactionReceipt({ hash: await hash, pollingInterval: 100 })
  if (receipt.status !== 'success') throw new Error(`reverted: ${receipt.transactionHash}`)
}
const logsOf = () => client.getContractEvents({ ...escrow, strict: true, fromBlock: BigInt(book.deployedAtBlock) })

const opened = (await logsOf()).filter((log) => log.eventName === 'LeasesOpened')
const group = readGroup(/** @type {import('@computehive/contracts/leases').LeasesOpenedArgs} */ (opened.at(-1)?.args))
const [first, second, third] = group.leases
if (!first || !second || !third) throw new Error('three leases are expected')

const receipt = { leaseId: first.leaseId, pay: first.price, resultDigest: given.result }
const signature = await renter.signTypedData({ domain, ...typedData.Receipt, message: receipt })
await sent(client.writeContract({
  ...escrow, account: provider, functionName: 'accept', args: [group.market, groupTerms(group, first.place), receipt, signature],
}))

const evidence = {
  leaseId: second.leaseId, jobDigest: given.result, resultDigest: given.result, fuel: 1n, wallSeconds: 1, egressBytes: 1n, exitKind: 0,
  exitCode: 0, sandboxDigest: given.result, startedAt: 1n, finishedAt: 2n,
}
await sent(client.writeContract({
  ...escrow, account: provider, functionName: 'claim',
  args: [group.market, groupTerms(group, second.place), second.price - 1n, evidence, provider.address, '0x'],
}))
await sent(client.writeContract({ ...escrow, account: renter, functionName: 'release', args: [claimedLease(second)] }))

const word = await client.readContract({ ...escrow, functionName: 'groupWord', args: [group.market, group.group] })
const open = group.leases.map(({ place }) => isOpen(group, place, word))
const now = Number((await client.getBlock()).timestamp)
await client.increaseTime({ seconds: third.deadline - now + 1 })
await client.mine({ blocks: 1 })
await sent(client.writeContract({
  ...escrow, account: provider, functionName: 'refund', args: [group.market, [groupTerms(group, third.place)]],
}))

const logs = await logsOf()
const ends = group.leases.map((lease) => logs.flatMap(followBid(lease.bidHash)).map(({ state, outcome, pay }) => [state, outcome, pay]))
console.log(stringify({ open, ends, split: splitPrice(second, second.price - 1n), hash: hashStruct({ data: receipt, ...typedData.Receipt }) }))
