import { describe, expect, it } from 'vitest'

import { PREVIEW_BYTES, previewOf } from './previews'

const bytes = (text: string) => new TextEncoder().encode(text)

describe('a preview', () => {
  it('of an image is data, by its bytes and not by its name', () => {
    expect(previewOf('out/chart.txt', Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0))).toEqual({ kind: 'image', url: 'data:image/png;base64,iVBORwA=' })
  })

  it('of SVG, which may have scripts, is text', () => {
    expect(previewOf('out/a.svg', bytes('<svg onload="alert(1)">'))).toMatchObject({ kind: 'text' })
  })

  it('of HTML is a document that begins with a policy of its own', () => {
    const shown = previewOf('out/a.HTML', bytes('<script>1</script>'))
    expect(shown.kind === 'page' && shown.document.startsWith(`<meta http-equiv="Content-Security-Policy" content="default-src 'none'`)).toBe(true)
  })

  it('of a long text is its beginning, and of bytes that are no text there is none', () => {
    expect(previewOf('out/a', bytes('x'.repeat(PREVIEW_BYTES + 1)))).toEqual({ kind: 'text', text: 'x'.repeat(PREVIEW_BYTES), isCut: true })
    expect(previewOf('out/a', Uint8Array.of(1, 0, 2))).toEqual({ kind: 'bytes' })
  })
})
