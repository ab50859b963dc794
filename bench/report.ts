import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeReport } from './report/report.ts'
import { readNewestResults, resultsFolder } from './results.ts'
import { scenarios } from './scenarios/index.ts'
import { startNames } from './starts.ts'

/** `npm run bench:report`: the newest results as a page. */
const results = readNewestResults()
if (results === null) throw new Error('There are no results: npm run bench makes them.')
const expected = { scenarios: scenarios.map(({ name }) => name), starts: startNames }
for (const [name, text] of Object.entries(makeReport(results, expected))) {
  const file = join(resultsFolder, name)
  writeFileSync(file, text)
  console.log(file)
}
