import { useQuery, useQueryClient, type UseQueryResult } from '@tanstack/react-query'
import { useEffect } from 'react'

import { useSession } from '../../app/context'
import type { operations } from '../../generated/api'
import { answerOf } from '../../market/api'
import { hasEnded } from '../../market/ends'

type Answer<name extends keyof operations> = operations[name] extends {
  responses: { 200: { content: { 'application/json': infer body } } }
}
  ? body
  : never

export type Job = Answer<'show_job'>
export type Lease = Job['leases'][number]
export type Cost = Answer<'show_job_cost'>
export type Explanation = Answer<'explain_job'>
export type Result = Answer<'show_job_result'>
export type JobsPage = Answer<'list_jobs'>

/** While its stream is away the job is asked for again this often, in milliseconds. */
const OFTEN = 10_000

export function useJob(id: string): UseQueryResult<Job> {
  const { market } = useSession()
  const queryFn = () => answerOf(market.GET('/api/v1/jobs/{job_id}/status', { params: { path: { job_id: id } } }))
  return useQuery({ queryKey: ['job', id, 'status'], queryFn, refetchInterval: ({ state }) => (isOver(state.data) ? false : OFTEN) })
}

export function useCost(id: string): UseQueryResult<Cost> {
  const { market } = useSession()
  return useQuery({ queryKey: ['job', id, 'cost'], queryFn: () => answerOf(market.GET('/api/v1/jobs/{job_id}/cost', { params: { path: { job_id: id } } })) })
}

export function useExplanation(id: string): UseQueryResult<Explanation> {
  const { market } = useSession()
  return useQuery({ queryKey: ['job', id, 'explain'], queryFn: () => answerOf(market.GET('/api/v1/jobs/{job_id}/explain', { params: { path: { job_id: id } } })) })
}

export function useResult(id: string): UseQueryResult<Result> {
  const { market } = useSession()
  return useQuery({ queryKey: ['job', id, 'result'], queryFn: () => answerOf(market.GET('/api/v1/jobs/{job_id}/result', { params: { path: { job_id: id } } })) })
}

/** A page of an account's jobs, newest first; the first one without a cursor. */
export function useJobPage(renter: string | null, cursor: string | null): UseQueryResult<JobsPage> {
  const { market } = useSession()
  const query = { renter: renter ?? '', limit: 50, ...(cursor ? { cursor } : {}) }
  const queryFn = () => answerOf(market.GET('/api/v1/jobs', { params: { query } }))
  return useQuery({ queryKey: ['jobs', renter, 'page', cursor], queryFn, enabled: renter !== null, refetchInterval: OFTEN })
}

/** Ask again for all that is shown of a job as soon as something happens to it. */
export function useLiveJob(id: string): void {
  const { marketUrl } = useSession()
  const client = useQueryClient()
  useEffect(() => {
    const source = new EventSource(`${marketUrl}/api/v1/jobs/${id}/events`)
    let timer: ReturnType<typeof setTimeout> | undefined
    // A new stream tells the whole timeline at once: that is one reason to ask, not twenty.
    const ask = () => {
      clearTimeout(timer)
      timer = setTimeout(() => void client.invalidateQueries({ queryKey: ['job', id] }), 150)
    }
    source.addEventListener('event', ask)
    source.addEventListener('end', () => {
      ask()
      source.close()
    })
    return () => source.close()
  }, [client, id, marketUrl])
}

export function isOver(job: Job | undefined): boolean {
  return job !== undefined && hasEnded(job.state)
}
