import type { ReactNode } from 'react'
import { Link } from 'wouter'

import { useWallet } from '../../app/context'
import { machineOf } from '../../market/machines'
import { useOffers, type Offer } from '../../market/queries'
import type { Column } from '../../ui/DataTable'
import { LongTable } from '../../ui/LongTable'
import { rateColumn } from '../../ui/rates'
import { Section } from '../../ui/Section'
import { Loaded } from '../../ui/states'
import { shorten } from '../../ui/amounts'
import { Hash, Instant } from '../../ui/values'
import { StakeOf } from './StakeOf'

/** The machines of whoever is connected or watched, their stake, and every machine of the market. */
export function Nodes(): ReactNode {
  const { account } = useWallet()
  const offers = useOffers()
  return (
    <>
      <Section title="Your machines">
        {account ? (
          <Loaded query={offers} what="your machines" lines={3} empty={{ is: (all) => ownOf(all, account).length === 0, say: NONE }}>
            {(all) => <Machines caption="Machines of yours" rows={ownOf(all, account)} columns={OWN} />}
          </Loaded>
        ) : (
          <p className="empty">Connect a wallet, or watch an account, to see its machines and its stake.</p>
        )}
      </Section>
      {account ? <StakeOf key={account} account={account} /> : null}
      <Section title="All machines">
        <Loaded query={offers} what="the machines" lines={6} empty={{ is: (all) => all.length === 0, say: 'Nobody offers a machine right now.' }}>
          {(all) => <Machines caption="Every machine on offer" rows={all} columns={ALL} />}
        </Loaded>
      </Section>
    </>
  )
}

const NONE = (
  <>
    This account offers no machine now. On the machine itself, <code>hive provider doctor</code> says what it lacks, and <code>hive provider start</code> offers it.
  </>
)

function ownOf(all: readonly Offer[], account: string): Offer[] {
  return all.filter(({ provider }) => provider.toLowerCase() === account.toLowerCase())
}

const OWN: readonly Column<Offer>[] = [
  {
    name: 'Node',
    of: ({ id }) => (
      <Link href={`/nodes/${id}`} title={id}>
        {shorten(id)}
      </Link>
    ),
    chars: 14,
  },
  { name: 'State', of: ({ status }) => status, chars: 10 },
  { name: 'Machine', of: machineOf, chars: 34 },
  { name: 'Region', of: ({ region }) => region, chars: 12 },
  { name: 'Free units', of: ({ freeUnits, units }) => `${freeUnits} of ${units}`, isNumber: true, chars: 11 },
  rateColumn('GPU', ({ ask, gpus }) => (gpus.length > 0 ? ask.gpuHourRate : null)),
  rateColumn('vCPU', ({ ask }) => ask.vcpuHourRate),
  { name: 'Last heard', of: ({ lastSeen }) => <Instant at={lastSeen} />, chars: 24 },
]
const ALL: readonly Column<Offer>[] = [...OWN, { name: 'Provider', of: ({ provider }) => <Hash value={provider} label="provider's address" />, chars: 14 }]

function Machines({ caption, rows, columns }: { caption: string; rows: readonly Offer[]; columns: readonly Column<Offer>[] }): ReactNode {
  return <LongTable caption={caption} rows={rows} keyOf={({ askHash }) => askHash} columns={columns} />
}
