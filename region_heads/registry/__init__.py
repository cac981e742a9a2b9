"""MLflow: runs, versions, and which of them is champion."""
