// A real OpenID provider for the tests: node oidc_provider.mjs <redirect address> [<redirect address> ...]
// Prints one JSON line with its issuer, then serves until it is ended. Whoever signs in types any password; his name is
// his subject, and his claims are those of PEOPLE. The client `gongdan` has a secret, `open` has none.
import http from 'node:http'
import { Provider } from 'oidc-provider'

const PEOPLE = {
  dana: { email: 'Dana@Example.com', email_verified: true, name: 'Dana' },
  changed: { email: 'dana@example.com', email_verified: true, name: 'Another with her address' },
  unverified: { email: 'aud@example.com', email_verified: false, name: 'Mallory' },
  stranger: { email: 'stranger@example.com', email_verified: true, name: 'Stranger' },
  outsider: { email: 'outsider@elsewhere.example', email_verified: true, name: 'Outsider' },
}

const redirects = process.argv.slice(2)
const shared = {
  redirect_uris: redirects,
  post_logout_redirect_uris: [new URL('/desk/sign-in', redirects[0]).href],
  grant_types: ['authorization_code'],
  response_types: ['code'],
}
const server = http.createServer()
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`
  const provider = new Provider(issuer, {
    clients: [
      { ...shared, client_id: 'gongdan', client_secret: 'a secret of the client' },
      { ...shared, client_id: 'open', token_endpoint_auth_method: 'none' },
    ],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    cookies: { keys: ['of the tests alone'] },
    pkce: { required: () => true },
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id, ...PEOPLE[id] }) }),
  })
  server.on('request', provider.callback())
  console.log(JSON.stringify({ issuer }))
})
