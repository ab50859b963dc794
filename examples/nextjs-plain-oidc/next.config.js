/** @type {import('next').NextConfig} */
export default {
  // In this repository there is another project around it.
  turbopack: { root: import.meta.dirname },
  poweredByHeader: false,
}
