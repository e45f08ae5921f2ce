/** What is looked at of a file, in bytes; the whole of it can be downloaded. */
export const PREVIEW_BYTES = 200_000
/** The largest image that is drawn. */
export const IMAGE_BYTES = 5_000_000

export type Preview =
  | { readonly kind: 'text'; readonly text: string; readonly isCut: boolean }
  | { readonly kind: 'image'; readonly url: string }
  | { readonly kind: 'page'; readonly document: string; readonly text: string }
  | { readonly kind: 'bytes' }

const IMAGES: readonly (readonly [string, readonly number[]])[] = [
  ['image/png', [0x89, 0x50, 0x4e, 0x47]],
  ['image/jpeg', [0xff, 0xd8, 0xff]],
  ['image/gif', [0x47, 0x49, 0x46, 0x38]],
]

/** Nothing is loaded and nothing runs: this comes before whatever the page says, and only narrows the policy around it. */
const POLICY = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:">`

/** How a file is shown, by its bytes; only whether HTML is drawn follows from its name. SVG is text: it may have scripts. */
export function previewOf(path: string, data: Uint8Array): Preview {
  const image = IMAGES.find(([, start]) => start.every((byte, at) => data[at] === byte))
  if (image) return { kind: 'image', url: `data:${image[0]};base64,${base64(data)}` }
  const part = data.subarray(0, PREVIEW_BYTES)
  if (part.includes(0)) return { kind: 'bytes' }
  const text = new TextDecoder().decode(part)
  if (/\.html?$/i.test(path) && data.length <= PREVIEW_BYTES) return { kind: 'page', document: POLICY + text, text }
  return { kind: 'text', text, isCut: data.length > PREVIEW_BYTES }
}

function base64(data: Uint8Array): string {
  let text = ''
  for (let at = 0; at < data.length; at += 8192) text += String.fromCharCode(...data.subarray(at, at + 8192))
  return btoa(text)
}
