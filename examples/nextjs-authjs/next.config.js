import { join } from 'node:path'

/** @type {import('next').NextConfig} */
export default {
  // In this repository the adapter lies beside the example.
  turbopack: { root: join(import.meta.dirname, '../..') },
  poweredByHeader: false,
}
