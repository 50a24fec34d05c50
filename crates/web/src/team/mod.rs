//! What teams see and do.

use crate::state::Routes;

/// The pages of teams: each handler starts from [`crate::signed::Staff`].
pub(crate) fn routes() -> Routes {
    Vec::new()
}
