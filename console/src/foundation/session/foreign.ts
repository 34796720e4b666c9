/** Sign-in at a foreign issuer: authorisation code with PKCE. Loaded only where one is configured. */
import * as oauth from "oauth4webapi";
import { ApiProblem } from "../api/problems";
import { learnServerTime } from "../clock";
import { keptInTab } from "../store";
import type { Renewed } from "./routes";

/** `logout`: where a user pool of Cognito's ends its session, which is no address of OpenID Connect's. */
type Issuer = { authority: string; client_id: string; logout?: string };
/** What is kept for the trip to the issuer and back; the verifier alone is of no use to anybody. */
type Trip = { state: string; verifier: string; path: string };

const TIME_LIMIT_MS = 20_000;
const TRIP = "trip";
/** A device's clock may be days off. The API, which has the right time, is the one that judges tokens by it. */
const ANY_CLOCK_SECONDS = 7 * 86_400;

let server: Promise<oauth.AuthorizationServer> | undefined;
/** In memory only, as all tokens are. */
let tokens: oauth.TokenEndpointResponse | undefined;

const limits = () => ({
  signal: AbortSignal.timeout(TIME_LIMIT_MS),
  // Without TLS where the console itself is, which is a developer's machine.
  [oauth.allowInsecureRequests]: location.protocol === "http:",
});

const clientOf = (issuer: Issuer): oauth.Client => ({ client_id: issuer.client_id, [oauth.clockTolerance]: ANY_CLOCK_SECONDS });

const returnAddress = () => `${location.origin}/signed-in`;

function discovered({ authority }: Issuer): Promise<oauth.AuthorizationServer> {
  const url = new URL(authority);
  server ??= oauth
    .discoveryRequest(url, limits())
    .then((response) => oauth.processDiscoveryResponse(url, response))
    .catch((error: unknown) => {
      server = undefined;
      throw error;
    });
  return server;
}

const notSignedIn = () => new ApiProblem("session_ended", 401, "Nobody is signed in.");

function renewedOf(answered: oauth.TokenEndpointResponse): Renewed {
  const claims = oauth.getValidatedIdTokenClaims(answered);
  if (!answered.id_token || !claims) throw notSignedIn();
  tokens = { ...tokens, ...answered };
  learnServerTime(new Date(claims.iat * 1000).toISOString());
  return { id_token: answered.id_token, expires_at: new Date(claims.exp * 1000).toISOString() };
}

function leaveFor(endpoint: string, query: Record<string, string>): void {
  const address = new URL(endpoint);
  for (const [name, value] of Object.entries(query)) address.searchParams.set(name, value);
  location.assign(address);
}

export async function leaveToSignIn(issuer: Issuer): Promise<void> {
  const { authorization_endpoint } = await discovered(issuer);
  const trip: Trip = {
    state: oauth.generateRandomState(),
    verifier: oauth.generateRandomCodeVerifier(),
    path: location.pathname + location.search,
  };
  keptInTab.write(TRIP, trip);
  leaveFor(authorization_endpoint ?? "", {
    client_id: issuer.client_id,
    redirect_uri: returnAddress(),
    response_type: "code",
    scope: "openid email profile",
    state: trip.state,
    code_challenge: await oauth.calculatePKCECodeChallenge(trip.verifier),
    code_challenge_method: "S256",
  });
}

/** What the issuer sent the person back with. Throws a problem if that is a refusal. */
function codeOf(found: oauth.AuthorizationServer, client: oauth.Client, state: string): URLSearchParams {
  try {
    return oauth.validateAuthResponse(found, client, new URL(location.href), state);
  } catch (error) {
    throw new ApiProblem("issuer_refused", 403, error instanceof Error ? error.message : "");
  }
}

/** Comes back from the issuer; answers where the person was. */
export async function comeBack(issuer: Issuer): Promise<{ renewed: Renewed; path: string }> {
  const trip = keptInTab.read<Trip>(TRIP);
  keptInTab.write(TRIP, undefined);
  if (!trip) throw notSignedIn(); // a page that was reloaded, or an answer that nobody here asked for
  const [found, client] = [await discovered(issuer), clientOf(issuer)];
  const code = codeOf(found, client, trip.state);
  const answered = await oauth.authorizationCodeGrantRequest(
    found,
    client,
    oauth.None(),
    code,
    returnAddress(),
    trip.verifier,
    limits(),
  );
  const processed = await oauth.processAuthorizationCodeResponse(found, client, answered, { requireIdToken: true });
  return { renewed: renewedOf(processed), path: /^\/(?![/\\])/.test(trip.path) ? trip.path : "/" };
}

export async function renew(issuer: Issuer): Promise<Renewed> {
  // Without a refresh token the issuer would have to be asked in a frame, which no page here may
  // have, and whose answer would be waited for in vain.
  const refreshToken = tokens?.refresh_token;
  if (!refreshToken) throw notSignedIn();
  const [found, client] = [await discovered(issuer), clientOf(issuer)];
  const answered = await oauth.refreshTokenGrantRequest(found, client, oauth.None(), refreshToken, limits());
  if (answered.status >= 500) throw new ApiProblem("unavailable", answered.status, "The issuer cannot answer now.");
  try {
    return renewedOf(await oauth.processRefreshTokenResponse(found, client, answered));
  } catch {
    tokens = undefined;
    throw notSignedIn();
  }
}

export async function signOut(issuer: Issuer): Promise<void> {
  const idToken = tokens?.id_token;
  tokens = undefined;
  if (issuer.logout) {
    return leaveFor(issuer.logout, { client_id: issuer.client_id, logout_uri: `${location.origin}/` });
  }
  const { end_session_endpoint } = await discovered(issuer);
  if (!end_session_endpoint) return;
  leaveFor(end_session_endpoint, {
    client_id: issuer.client_id,
    post_logout_redirect_uri: location.origin,
    ...(idToken ? { id_token_hint: idToken } : {}),
  });
}
