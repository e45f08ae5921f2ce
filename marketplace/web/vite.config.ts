import { fileURLToPath } from 'node:url'

import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

const contracts = (name: string) => fileURLToPath(new URL(`../../build/web/contracts/dist/${name}.js`, import.meta.url))

export default defineConfig({
  base: './', // the same files at any address: a market's, a folder's, a content hash's
  plugins: [react()],
  // The longer name first: the first that fits is taken.
  resolve: { alias: { '@computehive/contracts/leases': contracts('leases'), '@computehive/contracts': contracts('index') } },
  build: { outDir: 'static', emptyOutDir: true, target: 'es2022', assetsInlineLimit: 0, reportCompressedSize: false },
  test: { environment: 'jsdom', include: ['src/**/*.test.{ts,tsx}'], restoreMocks: true },
})
