/** The floor: node:http writing one Buffer, with the fields a player needs and nothing else. Ends with its parent. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { contentFor } from './content.ts'

const length = Number(process.argv[2])
const body = contentFor(1, length)
const server = createServer({ highWaterMark: 1024 * 1024 }, (_req, res) => {
  res.writeHead(200, ['Content-Type', 'video/mp2t', 'Content-Length', String(length), 'ETag', '"1"'])
  res.end(body)
})
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
process.on('disconnect', () => process.exit())
