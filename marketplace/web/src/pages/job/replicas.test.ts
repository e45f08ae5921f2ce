import { expect, test } from 'vitest'

import { replicaOf } from './replicas'

const JOB = { leases: [{ leaseId: '0xa1' }, { leaseId: '0xb2' }] }

test('a replica has one name everywhere: its place among the leases, whatever else is listed', () => {
  expect(JOB.leases.map(({ leaseId }) => replicaOf(JOB, leaseId))).toEqual(['Replica 1', 'Replica 2'])
})

test('a lease that the page has not heard of yet is called by its id, and the only one by nothing', () => {
  expect(replicaOf(JOB, '0xc3')).toBe('Lease 0xc3')
  expect(replicaOf({ leases: [{ leaseId: '0xa1' }] }, '0xa1')).toBeNull()
})
