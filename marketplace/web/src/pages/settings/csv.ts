export type Row = Readonly<Record<string, unknown>>

/** What a spreadsheet takes for the start of a formula (OWASP, "CSV Injection"). */
const FORMULA = /^[\s]*[=+\-@]|^[\t\r\n]/

/** Rows as CSV (RFC 4180), columns as they first occur. Text that a spreadsheet would compute gets an apostrophe before it. */
export function csvOf(rows: readonly Row[]): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  return [names, ...rows.map((row) => names.map((name) => row[name]))].map((cells) => cells.map(cellOf).join(',') + '\r\n').join('')
}

function cellOf(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'number') return String(value)
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value)
  const safe = FORMULA.test(text.normalize('NFKC')) ? `'${text}` : text
  return `"${safe.replaceAll('"', '""')}"`
}
