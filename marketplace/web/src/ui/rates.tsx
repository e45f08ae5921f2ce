import type { Micro } from './amounts'
import type { Column } from './DataTable'
import { Per, Rate } from './values'

/** A column of rates of `what`, in micro-USDC an hour, told over the time that the visitor chose; a dash where there is none. */
export function rateColumn<Row>(what: string, microAnHour: (row: Row) => Micro | null): Column<Row> {
  const of = (row: Row) => {
    const rate = microAnHour(row)
    return rate === null ? '—' : <Rate microAnHour={rate} />
  }
  return { name: `${what} and hour`, heading: <Per what={what} />, of, isNumber: true, chars: 16 }
}
