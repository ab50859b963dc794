/** `npm run bench` measures every scenario; `npm run bench -- NAME` one thing more deeply. */
const deeper: Record<string, string> = {
  authjs: './authjs.ts',
  flood: './flood.ts',
  growth: './growth.ts',
  observers: './observers.ts',
  oidc: './oidc.ts',
  profile: './profile.ts',
}

const [name = ''] = process.argv.slice(2).filter((one) => !one.startsWith('-'))
const file = name === '' ? './all.ts' : deeper[name]

if (file === undefined) {
  console.error(`npm run bench [-- ${Object.keys(deeper).join(' | ')}]`)
  process.exitCode = 2
} else {
  const { bench } = await import(file)
  await bench()
}
