"""Makes the two accounts of MLflow's login before the server starts, with the passwords that the secrets hold now."""

import os

from mlflow.server.auth.config import read_auth_config
from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore

store = SqlAlchemyStore()
store.init_db(read_auth_config().database_uri)
for kind, is_admin in (("WRITER", True), ("READER", False)):
    name, password = os.environ[f"{kind}_USERNAME"], os.environ[f"{kind}_PASSWORD"]
    if store.has_user(name):
        store.update_user(name, password=password, is_admin=is_admin)
    else:
        store.create_user(name, password, is_admin=is_admin)
    print(f"{name}: {'may write everything' if is_admin else 'may read'}")
