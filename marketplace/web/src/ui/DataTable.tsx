import type { ReactNode } from 'react'

export interface Column<Row> {
  /** Tells it from the others; its heading, where it has no other. */
  readonly name: string
  readonly heading?: ReactNode
  readonly of: (row: Row) => ReactNode
  /** Numbers stand right, under each other. */
  readonly isNumber?: boolean
  /** Sentences go on in the next line. */
  readonly isText?: boolean
  /** How wide it is in a `LongTable`, in characters. */
  readonly chars?: number
}

export interface TableProps<Row> {
  caption: string
  columns: readonly Column<Row>[]
  rows: readonly Row[]
  keyOf: (row: Row) => string
}

/** Rows under named columns; on narrow screens it scrolls sideways by itself, the page does not. */
export function DataTable<Row>({ caption, columns, rows, keyOf }: TableProps<Row>): ReactNode {
  return (
    <div className="table" role="region" aria-label={caption} tabIndex={0}>
      <table>
        <caption className="unseen">{caption}</caption>
        <Head columns={columns} />
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              <Cells columns={columns} row={row} />
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

export function Head<Row>({ columns }: Pick<TableProps<Row>, 'columns'>): ReactNode {
  return (
    <thead>
      <tr>
        {columns.map((column) => (
          <th key={column.name} scope="col" className={column.isNumber ? 'right' : undefined}>
            {column.heading ?? column.name}
          </th>
        ))}
      </tr>
    </thead>
  )
}

export function Cells<Row>({ columns, row }: Pick<TableProps<Row>, 'columns'> & { row: Row }): ReactNode {
  return columns.map((column) => (
    <td key={column.name} className={column.isNumber ? 'right' : column.isText ? 'text' : undefined}>
      {column.of(row)}
    </td>
  ))
}
