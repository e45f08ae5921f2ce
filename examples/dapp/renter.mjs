// A renter on its own: deposits, signs a bid for a market, watches what becomes of it. It asks a node alone.
import { readFileSync } from 'node:fs'
import { createWalletClient, hashStruct, http, publicActions, stringify } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { escrowAbi, escrowDomain, parseAddressBook, typedData, usdcAbi } from '@computehive/contracts'
import { followBid, nextSalt } from '@computehive/contracts/leases'

const { RPC_URL, ADDRESS_BOOK, PRIVATE_KEY, MARKET, JOB } = /** @type {Record<string, `0x${string}`>} */ (process.env)
const [account, transport, chain] = [privateKeyToAccount(PRIVATE_KEY), http(RPC_URL), null]
const client = createWalletClient({ account, transport, pollingInterval: 500 }).extend(publicActions)
const book = parseAddressBook(JSON.parse(readFileSync(ADDRESS_BOOK, 'utf8')))
const [escrow, usdc] = [{ address: book.contracts.Escrow, abi: escrowAbi }, { address: book.contracts.USDC, abi: usdcAbi }]
const approval = await client.writeContract({ ...usdc, chain, functionName: 'approve', args: [escrow.address, 1_000_000n] })
await client.waitForTransactionReceipt({ hash: approval })
const deposit = await client.writeContract({ ...escrow, chain, functionName: 'deposit', args: [1_000_000n] })
const { blockNumber: fromBlock } = await client.waitForTransactionReceipt({ hash: deposit })

const salt = nextSalt(await client.readContract({ ...escrow, functionName: 'renterAccount', args: [account.address] }))
const now = Number((await client.getBlock()).timestamp)
const bid = { renter: account.address, market: MARKET, jobDigest: JOB, gpus: 0, vcpus: 1, memoryMb: 512, durationSeconds: 60,
  fuel: 5_000_000_000n, egressMb: 1, maxPrice: 500_000n, replicas: 1, verification: 0, settlement: 0,
  deadline: now + 1800, validUntil: now + 600, salt }
const signature = await client.signTypedData({ domain: escrowDomain(book), ...typedData.Bid, message: bid })
console.log(stringify({ bid, signature }))

const follow = followBid(hashStruct({ data: bid, ...typedData.Bid }))
client.watchContractEvent({ ...escrow, fromBlock, strict: true,
  onLogs: (logs) => logs.flatMap(follow).forEach((told) => console.log(stringify(told))) })
