// What a service's editor must infer of a market's HTTP interface, and what it must refuse. Compiled strictly, never run.
import type { components, operations, paths } from '@computehive/contracts/api'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const holds = <T extends true>(value?: T) => value

type Jobs = paths['/api/v1/jobs']['get']['responses'][200]['content']['application/json']
export const ids = (page: Jobs): string[] => page.jobs.map((job) => job.jobId)
holds<Equal<Jobs, operations['list_jobs']['responses'][200]['content']['application/json']>>()

export const why = (problem: components['schemas']['Problem']): string => problem.code
// @ts-expect-error: a market has no such call
export type Nothing = paths['/api/v1/nothing']
