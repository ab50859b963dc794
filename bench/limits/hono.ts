import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'

// A process: what HTTP costs where a handler does nothing, by the same framework and server as ours.

const body = JSON.stringify({
  keys: [{ kty: 'EC', crv: 'P-256', x: 'x'.repeat(43), y: 'y'.repeat(43) }],
})
const app = new Hono()
app.get('/', () => new Response(body, { headers: { 'content-type': 'application/json' } }))
const port = Number(process.env.PORT)
createAdaptorServer({ fetch: app.fetch }).listen(port, '127.0.0.1', () => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${port}` }))
})
