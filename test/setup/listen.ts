import type { AddressInfo, Server } from 'node:net'

/** Lets a server of the test listen on loopback, on a port that the system finds free. */
export async function listenOnLoopback(server: Server): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return (server.address() as AddressInfo).port
}
