// What a program with the generated types and openapi-fetch does; checked by tsc, then run with the market's address.
import createClient from 'openapi-fetch'
import type { components, paths } from './api.js'

type JobBody = components['schemas']['JobBody']
const { url, bodies, renter } = JSON.parse(globalThis.process.argv[2] ?? '{}') as { url: string; bodies: JobBody[]; renter: string }
const api = createClient<paths>({ baseUrl: url })

const placed: string[] = []
for (const body of bodies) {
  const { data } = await api.POST('/api/v1/jobs/submit', { body })
  placed.push(data!.jobId)
}
const pages: string[][] = []
let cursor: string | undefined
do {
  const { data } = await api.GET('/api/v1/jobs', { params: { query: cursor ? { renter, limit: 1, cursor } : { renter, limit: 1 } } })
  pages.push(data!.jobs.map((job) => job.jobId))
  cursor = (data!.nextCursor as string | null) ?? undefined
} while (cursor)
const config = await api.GET('/api/v1/config')
const asks = await api.GET('/api/v1/asks')
const missing = await api.GET('/api/v1/jobs/{job_id}/status', { params: { path: { job_id: '0x' + '00'.repeat(32) } } })
const code: string = missing.error!.code
// @ts-expect-error a path that the document does not have is refused by the compiler
const wrong: keyof paths = '/api/v1/nothing'
void wrong
console.log(JSON.stringify({
  chainId: config.data!.chainId, asks: asks.data!.asks.length, placed, pages, problem: [missing.error!.status, code],
}))
