import type { ReactNode } from 'react'

import { pricesByClass } from '../../market/prices'
import { useOffers } from '../../market/queries'
import { DataTable } from '../../ui/DataTable'
import { Section } from '../../ui/Section'
import { Loaded } from '../../ui/states'
import { Per, Rate } from '../../ui/values'

/** What each class of machine is offered for now. */
export function Offers(): ReactNode {
  const offers = useOffers()
  return (
    <Section title="Prices on offer">
      <Loaded query={offers} what="the offers" empty={{ is: (all) => pricesByClass(all).length === 0, say: 'Nobody offers a machine right now.' }}>
        {(all) => (
          <DataTable
            caption="Prices by class of machine"
            rows={pricesByClass(all)}
            keyOf={(one) => one.name}
            columns={[
              { name: 'Class', of: (one) => one.name },
              { name: 'Free units', of: (one) => `${one.free} of ${one.units}`, isNumber: true },
              { name: 'Cheapest', of: (one) => <Rate microAnHour={one.cheapest} />, isNumber: true },
              { name: 'Median', of: (one) => <Rate microAnHour={one.median} />, isNumber: true },
              { name: 'Per', of: (one) => <Per what={one.per} /> },
            ]}
          />
        )}
      </Loaded>
    </Section>
  )
}
