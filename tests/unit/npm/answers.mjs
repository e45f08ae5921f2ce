// Asks the built package what Python asks on standard input: [[module, function, ...arguments], …], one answer each.
// Integers cross as {"n": "…"}: JSON has none so wide.
import { readFileSync } from 'node:fs'
import * as viem from 'viem'
import * as data from '@computehive/contracts'
import * as channels from '@computehive/contracts/channels'
import * as leases from '@computehive/contracts/leases'

const followed = { tell: (bidHash, logs) => logs.flatMap(leases.followBid(bidHash)) }
const exported = { names: (module) => Object.keys(modules[module]).sort() }
const api = await import('@computehive/contracts/api').catch(() => undefined) // not in every build
const modules = { viem, data, channels, leases, followed, exported, api }
const read = (_, value) => (value !== null && typeof value === 'object' && typeof value.n === 'string' ? BigInt(value.n) : value)
const write = (_, value) => (typeof value === 'bigint' ? { n: value.toString() } : value)
const asked = JSON.parse(readFileSync(0, 'utf8'), read)
const answers = asked.map(([module, name, ...given]) => {
  const found = modules[module][name]
  try {
    return typeof found === 'function' ? found(...given) : found
  } catch (error) {
    return { error: error.message }
  }
})
process.stdout.write(JSON.stringify(answers, write))
