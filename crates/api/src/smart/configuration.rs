//! What the server says about itself (`.well-known/smart-configuration`).

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use kith_fhir::json;

use super::{answer, base};
use crate::state::Api;

pub async fn get(State(api): State<Api>, headers: HeaderMap) -> Response {
    let base = base(&api, &headers);
    answer(
        StatusCode::OK,
        &json!({
            "issuer": base,
            "authorization_endpoint": format!("{base}/auth/authorize"),
            "token_endpoint": format!("{base}/auth/token"),
            "introspection_endpoint": format!("{base}/auth/introspect"),
            "revocation_endpoint": format!("{base}/auth/revoke"),
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
            "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["launch", "launch/patient", "offline_access", "online_access",
                "patient/*.cruds", "user/*.cruds", "system/*.cruds"],
            "capabilities": ["launch-ehr", "launch-standalone", "client-public", "client-confidential-symmetric",
                "client-confidential-asymmetric", "context-ehr-patient", "context-standalone-patient",
                "permission-offline", "permission-online", "permission-patient", "permission-user", "permission-v1",
                "permission-v2", "authorize-post"],
        }),
    )
}
