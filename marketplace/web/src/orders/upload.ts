import { awayProblem, problemOf } from '../market/problem'
import type { Blob256 } from './spec'

/** Bytes that are at the market, of all there are. */
export interface Progress {
  readonly sent: number
  readonly total: number
}

/** Have the market hold these files, each under its digest and each sent once. Throws Problem. */
export async function uploadAll(marketUrl: string, files: readonly Blob256[], tell: (progress: Progress) => void): Promise<void> {
  const different = [...new Map(files.map((file) => [file.digest, file])).values()]
  const total = different.reduce((sum, file) => sum + file.bytes.length, 0)
  let sent = 0
  tell({ sent, total })
  for (const file of different) {
    await put(marketUrl, file, (part) => tell({ sent: sent + Math.min(part, file.bytes.length), total }))
    sent += file.bytes.length
    tell({ sent, total })
  }
}

/** By XMLHttpRequest: `fetch` does not say how much of a request's body has left. */
function put(marketUrl: string, { digest, bytes }: Blob256, tell: (sent: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('PUT', `${marketUrl}/api/v1/blobs/${digest}`)
    request.setRequestHeader('Content-Type', 'application/octet-stream')
    request.upload.onprogress = (event) => tell(event.loaded)
    request.onerror = () => reject(awayProblem(marketUrl))
    request.onload = () => (request.status < 300 ? resolve() : reject(problemOf(parsed(request.responseText), request.status)))
    request.send(bytes as Uint8Array<ArrayBuffer>)
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
