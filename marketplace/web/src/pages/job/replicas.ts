import { shorten } from '../../ui/amounts'

interface WithLeases {
  readonly leases: readonly { readonly leaseId: string }[]
}

/** What one lease of several is called in every part of a job's page; null where the job has no more than one. */
export function replicaOf(job: WithLeases, leaseId: string): string | null {
  if (job.leases.length < 2) return null
  const place = job.leases.findIndex((one) => one.leaseId === leaseId)
  return place < 0 ? `Lease ${shorten(leaseId)}` : `Replica ${place + 1}`
}
