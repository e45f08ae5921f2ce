import { useVirtualizer } from '@tanstack/react-virtual'
import { memo, useRef, type ReactNode } from 'react'

import { Cells, DataTable, Head, type TableProps } from './DataTable'
import './long.css'

/** From here on only rows in view are in the page. */
const MOST_AT_ONCE = 100
/** Rows are one line; `long.css` has the same height. */
const ROW_PIXELS = 36
/** Rows beyond the edges, so that a fast hand meets no gap. */
const BEYOND = 12
const CHARS = 14

/**
 * A DataTable for any number of rows: a window in a height of its own, that scrolls by wheel, touch and keys.
 *
 * Who listens hears how many rows there are and which one this is (`aria-rowcount`, `aria-rowindex`). Columns keep the
 * width that they say in `chars`: rows that come and go would else move them.
 */
export function LongTable<Row>(props: TableProps<Row>): ReactNode {
  return props.rows.length <= MOST_AT_ONCE ? <DataTable {...props} /> : <Window {...props} />
}

function Window<Row>({ caption, columns, rows, keyOf }: TableProps<Row>): ReactNode {
  const frame = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => frame.current,
    estimateSize: () => ROW_PIXELS,
    overscan: BEYOND,
  })
  const shown = virtual.getVirtualItems()
  const above = shown[0]?.start ?? 0
  const below = virtual.getTotalSize() - (shown.at(-1)?.end ?? 0)
  const chars = columns.reduce((sum, column) => sum + (column.chars ?? CHARS), 0)
  return (
    <>
      <div ref={frame} className="table long" role="region" aria-label={caption} tabIndex={0}>
        <table aria-rowcount={rows.length + 1} style={{ minWidth: `${chars}ch` }}>
          <caption className="unseen">{caption}</caption>
          <colgroup>
            {columns.map((column) => (
              <col key={column.name} style={{ width: `${(100 * (column.chars ?? CHARS)) / chars}%` }} />
            ))}
          </colgroup>
          <Head columns={columns} />
          <tbody>
            <Gap pixels={above} span={columns.length} />
            {shown.map(({ index }) => (
              <Row key={keyOf(rows[index]!)} columns={columns} row={rows[index]!} index={index} />
            ))}
            <Gap pixels={below} span={columns.length} />
          </tbody>
        </table>
      </div>
      <p className="note">{rows.length.toLocaleString('en')} rows</p>
    </>
  )
}

interface RowProps<Row> {
  columns: TableProps<Row>['columns']
  row: Row
  index: number
}

function PlainRow<Row>({ columns, row, index }: RowProps<Row>): ReactNode {
  return (
    <tr aria-rowindex={index + 2}>
      <Cells columns={columns} row={row} />
    </tr>
  )
}

/** Made once while it is in view: scrolling draws only the rows that come. */
const Row = memo(PlainRow) as typeof PlainRow

/** What stands for the rows that are not there. */
function Gap({ pixels, span }: { pixels: number; span: number }): ReactNode {
  return pixels > 0 ? (
    <tr className="gap" aria-hidden="true" style={{ height: pixels }}>
      <td colSpan={span} />
    </tr>
  ) : null
}
