// Uploads a file with tus-js-client: node upload.mjs <endpoint> <file> <sha256> <token> <chunk bytes, 0 for all>
// Prints one JSON line: the address of the upload, and how often the client had to go on after a failure.
import fs from 'node:fs'
import tus from 'tus-js-client'

const [endpoint, path, sha256, token, chunk] = process.argv.slice(2)
let retries = 0

const upload = new tus.Upload(fs.createReadStream(path), {
  endpoint,
  uploadSize: fs.statSync(path).size,
  chunkSize: Number(chunk) || Number.POSITIVE_INFINITY,
  headers: { Authorization: `Bearer ${token}` },
  metadata: { sha256 },
  retryDelays: [100, 100, 100, 100, 100],
  onShouldRetry: () => {
    retries += 1
    return true
  },
  onError: (error) => {
    console.error(String(error))
    process.exit(1)
  },
  onSuccess: () => console.log(JSON.stringify({ url: upload.url, retries })),
})
upload.start()
