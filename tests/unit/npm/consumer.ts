// What a dApp author's editor must infer, and what it must refuse. Compiled strictly, never run.
import { createPublicClient, createWalletClient, http, parseEventLogs, type TransactionReceipt } from 'viem'
import {
  type AddressBook,
  CancelKind,
  Outcome,
  channelTypedData,
  channelsDomain,
  deployments,
  escrowAbi,
  escrowDomain,
  providerStakeAbi,
  typedData,
} from '@computehive/contracts'
import { packPayouts } from '@computehive/contracts/channels'
import { claimedLease, groupTerms, readGroup, readSettled } from '@computehive/contracts/leases'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const holds = <T extends true>(value?: T) => value

export async function typed(book: AddressBook, receipt: TransactionReceipt) {
  const transport = http()
  const chain = createPublicClient({ transport })
  const wallet = createWalletClient({ transport, account: book.contracts.USDC })
  const escrow = { address: book.contracts.Escrow, abi: escrowAbi } as const

  const free = await chain.readContract({ ...escrow, functionName: 'free', args: [book.contracts.USDC] })
  holds<Equal<typeof free, bigint>>()
  const account = await chain.readContract({ ...escrow, functionName: 'renterAccount', args: [book.contracts.USDC] })
  holds<Equal<typeof account.saltBase, number>>()
  const bond = await chain.readContract({
    address: book.contracts.ProviderStake, abi: providerStakeAbi, functionName: 'bond', args: [book.contracts.USDC],
  })
  holds<Equal<typeof bond.active, bigint>>()
  // @ts-expect-error: there is no such function
  await chain.readContract({ ...escrow, functionName: 'freeOf', args: [book.contracts.USDC] })
  // @ts-expect-error: a number is no address
  await chain.readContract({ ...escrow, functionName: 'free', args: [7n] })

  const [opened] = parseEventLogs({ abi: escrowAbi, eventName: 'LeasesOpened', logs: receipt.logs })
  const group = readGroup(opened!.args)
  const [settled] = parseEventLogs({ abi: escrowAbi, eventName: 'LeasesSettled', logs: receipt.logs })
  readSettled(settled!.args).filter((one) => one.outcome === Outcome.PAID)
  const signature = await wallet.signTypedData({
    domain: escrowDomain(book), ...typedData.Receipt,
    message: { leaseId: group.leases[0]!.leaseId, pay: group.leases[0]!.price, resultDigest: group.commitment },
  })
  const receiptArgs = { leaseId: group.commitment, pay: 1n, resultDigest: group.commitment }
  await wallet.writeContract({
    ...escrow, chain: null, functionName: 'accept', args: [group.market, groupTerms(group, 0), receiptArgs, signature],
  })
  await wallet.writeContract({ ...escrow, chain: null, functionName: 'refund', args: [group.market, [groupTerms(group, 0, 5)]] })
  await wallet.writeContract({ ...escrow, chain: null, functionName: 'release', args: [claimedLease(group.leases[0]!)] })
  await wallet.writeContract({ ...escrow, chain: null, functionName: 'cancel', args: [CancelKind.BIDS_BEFORE, 9] })
  // @ts-expect-error: a receipt has a pay
  await wallet.signTypedData({ domain: escrowDomain(book), ...typedData.Receipt, message: { leaseId: '0x', resultDigest: '0x' } })
  // @ts-expect-error: vouchers are no messages of the escrow
  typedData.Voucher
  await wallet.signTypedData({
    domain: channelsDomain(book), ...channelTypedData.Voucher,
    message: { channelId: group.commitment, maxClaimableAmount: 1n },
  })
  const payouts: readonly { receiver: `0x${string}` }[] = packPayouts([])
  const unknown: AddressBook | undefined = deployments['somewhere']
  return { payouts, unknown }
}
