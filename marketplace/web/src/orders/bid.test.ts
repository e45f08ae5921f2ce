import { hashTypedData } from 'viem'
import { describe, expect, test } from 'vitest'

import vector from '../../../../tests/data/web_bid.json'
import type { Config } from '../market/queries'
import { buildBid, takeSalt, typedBid, verificationOf } from './bid'
import { buildSpec, digestOf, jobDigest, type JobSpec } from './spec'
import { FIRST_WISH, parseWish, splitArgs } from '../pages/deploy/wish'

const LIMITS = { maxJobMemoryMb: 4096, maxJobSeconds: 86_400, maxReplicas: 16 } as Config['limits']

async function fileOf(path: string, text: string) {
  const bytes = new TextEncoder().encode(text)
  return { path, bytes, digest: await digestOf(bytes) }
}

async function specOf(): Promise<JobSpec> {
  const [name, byte] = vector.runtime
  const runtime = { name: name!, digest: `0x${byte!.repeat(32)}` }
  const file = await fileOf('héllo.py', vector.script)
  const inputs = [await fileOf('data.csv', vector.input)]
  return buildSpec({ kind: 'script', runtime, file }, inputs, ['--all', 'é'], { regions: ['eu'], gpuModels: [] })
}

describe('what is signed', () => {
  test("a job's specification and its digest are those of the SDK", async () => {
    const spec = await specOf()
    expect(spec).toEqual(vector.jobSpec)
    expect(jobDigest(spec)).toBe(vector.jobDigest)
  })

  test('a bid, and what a wallet signs of it, are those of the SDK', async () => {
    const { renter, market, salt } = vector.bid
    const resources = { gpus: 0, vcpus: 2, memoryMb: 512, durationSeconds: 300, fuel: '50000000000', egressMb: 10 }
    const bid = buildBid({ renter, market, spec: await specOf(), resources, maxPrice: 250_000n, replicas: 2, salt, now: vector.now })
    expect(bid).toEqual(vector.bid)
    const domain = { name: 'ComputeHive', version: '1', chainId: vector.chainId, verifyingContract: vector.escrow }
    const typed = typedBid(bid, { domain } as Config)
    expect(hashTypedData(typed as Parameters<typeof hashTypedData>[0])).toBe(vector.bidDigest)
  })

  test('a salt is what the market says comes next, and never one that was taken here', () => {
    expect([takeSalt('0xa', 5), takeSalt('0xa', 5), takeSalt('0xa', 9), takeSalt('0xb', 0)]).toEqual([5, 6, 9, 0])
  })

  test('what is deterministic is run again, of other replicas the results vote, one alone is accepted', () => {
    const [wasm, docker] = [{ sandbox: 'wasm' } as JobSpec, { sandbox: 'docker' } as JobSpec]
    expect([verificationOf(wasm, 3), verificationOf(docker, 3), verificationOf(docker, 1)]).toEqual([0, 1, 2])
  })
})

describe('a job', () => {
  test.each(['../x', '/x', 'a//b', 'a\\b', ''])('has no file called %j', async (path) => {
    const file = await fileOf('main.wasm', '')
    expect(() => buildSpec({ kind: 'module', file }, [{ ...file, path }], [], { regions: [], gpuModels: [] })).toThrow('cannot be the name')
  })

  test('has no two files of one name', async () => {
    const file = await fileOf('a.py', '')
    const program = { kind: 'script', runtime: { name: 'python', digest: '0x' }, file } as const
    expect(() => buildSpec(program, [file], [], { regions: [], gpuModels: [] })).toThrow('Two files are called a.py')
  })
})

describe('what is wished for', () => {
  test('is whole numbers within what the market takes, each fault told at its field', () => {
    const { wrong } = parseWish({ ...FIRST_WISH, vcpus: '0', memoryMb: '5000', seconds: '1.5', replicas: '' }, 'script', LIMITS)
    expect(Object.keys(wrong!)).toEqual(['vcpus', 'memoryMb', 'seconds', 'replicas'])
  })

  test('reserves fuel where it is counted and GPUs where a program sees them', () => {
    const wish = { ...FIRST_WISH, gpus: '2' }
    expect(parseWish(wish, 'script', LIMITS)).toMatchObject({ resources: { gpus: 0, fuel: '50000000000' } })
    expect(parseWish(wish, 'container', LIMITS)).toMatchObject({ resources: { gpus: 2, fuel: '0' } })
  })

  test('arguments stand apart by spaces, and quotes hold them together', () => {
    expect(splitArgs(`--name "a b" 'c d' e ""`)).toEqual(['--name', 'a b', 'c d', 'e', ''])
  })
})
