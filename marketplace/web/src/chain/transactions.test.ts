import { escrowAbi } from '@computehive/contracts'
import { encodeErrorResult, decodeFunctionData, ContractFunctionExecutionError, ContractFunctionRevertedError, type Abi, type EIP1193Provider, type PublicClient } from 'viem'
import { expect, test, vi } from 'vitest'

import { runTransaction, type Call, type TransactionState } from './transactions'

const ACCOUNT = `0x${'11'.repeat(20)}` as const
const HASH = `0x${'ab'.repeat(32)}` as const
const OTHER = `0x${'cd'.repeat(32)}` as const
const CALL: Call = { address: `0x${'ee'.repeat(20)}`, abi: escrowAbi as Abi, functionName: 'withdraw', args: [5n] }
const GOOD = { status: 'success', transactionHash: HASH, blockNumber: 7n }

interface World {
  chainId?: number
  simulate?: () => Promise<unknown>
  answer?: () => unknown
  receipt?: (options: { onReplaced?: (told: { reason: string }) => void }) => Promise<unknown>
  effect?: () => Promise<boolean>
}

async function play({ chainId = 1337, simulate = async () => ({}), answer = () => HASH, receipt = async () => GOOD, effect }: World) {
  const node = { getChainId: async () => chainId, simulateContract: simulate, waitForTransactionReceipt: receipt } as unknown as PublicClient
  const request = vi.fn(async (_: { method: string; params: [{ data: `0x${string}` }] }) => answer())
  const told: TransactionState[] = []
  const signer = { provider: { request } as unknown as EIP1193Provider, account: ACCOUNT, chainId: 1337 }
  const end = await runTransaction(node, signer, CALL, (state) => told.push(state), effect)
  return { end, steps: told.map((state) => state.at), asked: request.mock.calls.map(([question]) => question) }
}

test('a call is tried, asked for, waited for and done', async () => {
  const { end, steps, asked } = await play({})
  expect(steps).toEqual(['checking', 'asking', 'pending', 'done'])
  expect(end).toEqual({ at: 'done', hash: HASH, block: 7n })
  expect(asked).toMatchObject([{ method: 'eth_sendTransaction', params: [{ from: ACCOUNT, to: CALL.address, chainId: '0x539' }] }])
  expect(decodeFunctionData({ abi: escrowAbi, data: asked[0]!.params[0].data })).toEqual({ functionName: 'withdraw', args: [5n] })
})

test("what the contract would refuse is told in its own word and never asked of the wallet", async () => {
  const name = escrowAbi.find((one) => one.type === 'error' && one.inputs.length === 0)!
  const data = encodeErrorResult({ abi: [name] as Abi, errorName: (name as { name: string }).name, args: [] })
  const cause = new ContractFunctionRevertedError({ abi: escrowAbi as Abi, data, functionName: 'withdraw' })
  const thrown = new ContractFunctionExecutionError(cause, { abi: escrowAbi as Abi, args: [5n], functionName: 'withdraw' })
  const { end, steps, asked } = await play({ simulate: () => Promise.reject(thrown) })
  expect(steps).toEqual(['checking', 'failed'])
  expect(end).toMatchObject({ message: expect.stringContaining(`the contract says ${(name as { name: string }).name}()`), hash: null })
  expect(asked).toEqual([])
})

const declined = () => {
  throw Object.assign(new Error('no'), { code: 4001 })
}
const taken = (reason: string): NonNullable<World['receipt']> => async ({ onReplaced }) => {
  onReplaced?.({ reason })
  return { ...GOOD, transactionHash: OTHER }
}

test.each<[string, World, string]>([
  ['a node of another chain', { chainId: 1 }, 'on another chain'],
  ['a wallet that declines', { answer: declined }, 'You declined'],
  ['a wallet that answers nonsense', { answer: () => 'sent!' }, 'no transaction'],
  ['one that was mined and refused', { receipt: async () => ({ ...GOOD, status: 'reverted' }) }, 'Only gas was spent'],
  ['one that was taken back', { receipt: taken('cancelled') }, 'taken back'],
  ['one whose place another took', { receipt: taken('replaced') }, 'taken back'],
  ['a node that tells of a receipt and of nothing that came of it', { effect: async () => false }, 'as before'],
  ['a node that is not heard of again', { receipt: () => Promise.reject(new Error('gone.')) }, 'It may still be mined'],
])('%s is said', async (_, world, message) => {
  const { end } = await play(world)
  expect(end).toMatchObject({ at: 'failed', message: expect.stringContaining(message) })
})

test('one with another fee in its place is the one that is waited for', async () => {
  const { end, steps } = await play({ receipt: taken('repriced') })
  expect(steps).toEqual(['checking', 'asking', 'pending', 'pending', 'done'])
  expect(end).toMatchObject({ hash: OTHER })
})
